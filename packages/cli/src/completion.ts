import { CONFIG_FLAG, type CommandSpec, type FlagSpec, flagName, isSwitch } from './command-spec.ts';

/** Completions for shells, made from the list of commands. Pure. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

export function completion(shell: Shell, commands: readonly CommandSpec[]): string {
  if (shell === 'fish') return fish(commands);
  const script = bash(commands);
  return shell === 'bash' ? script : `#compdef weir\nautoload -U +X bashcompinit && bashcompinit\n${script}`;
}

const flagsOf = ({ flags }: CommandSpec): FlagSpec[] => [...flags, CONFIG_FLAG];

/** The words before the one that is completed decide: which command, and whether a flag waits for its value. */
function bash(commands: readonly CommandSpec[]): string {
  const words = (list: readonly string[]) => list.join(' ');
  const groups = new Map<string, string[]>();
  for (const { name } of commands) {
    const [first, second] = name.split(' ');
    groups.set(first!, [...(groups.get(first!) ?? []), ...(second === undefined ? [] : [second])]);
  }
  const values = new Map<string, string>();
  for (const flag of commands.flatMap(flagsOf)) {
    const name = flag.flag.match(/(?<![a-z])--?[a-z][a-z-]*/g)!.join('|');
    if (flag.values) values.set(name, words(flag.values));
    else if (!isSwitch(flag) && !flag.flag.includes('[')) values.set(name, '');
  }
  const files = [...values].filter(([name]) => name === '--config').map(([name]) => name);
  const cases = {
    values: [...values]
      .filter(([name]) => !files.includes(name))
      .map(([name, list]) => `    ${name}) words='${list}' ;;`),
    groups: [...groups]
      .filter(([, seconds]) => seconds.length > 0)
      .map(([name, seconds]) => `    '${name} ') words='${words(seconds)}' ;;`),
    commands: commands.map(
      (spec) => `    '${spec.name}') words='${words(flagsOf(spec).map((flag) => `--${flagName(flag)}`))} --help' ;;`,
    ),
  };
  return `# weir: completion
_weir() {
  local current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} command= words= word
  COMPREPLY=()
  case $before in
${files.map((name) => `    ${name}) COMPREPLY=($(compgen -f -- "$current")); return ;;`).join('\n')}
${cases.values.join('\n')}
    *) words=- ;;
  esac
  if [ "$words" != - ]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    return
  fi
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in -*) break ;; *) command="\${command:+$command }$word" ;; esac
  done
  case $command in
    '') words='${words([...groups.keys()])} --help --version' ;;
${cases.commands.join('\n')}
    *) words= ;;
  esac
  case "$command " in
${cases.groups.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _weir weir
`;
}

function fish(commands: readonly CommandSpec[]): string {
  const quoted = (text: string) => `'${text.replace(/['\\]/g, '\\$&')}'`;
  const lines = ['# weir: completion', 'complete -c weir -f'];
  for (const spec of commands) {
    const [first, second] = spec.name.split(' ') as [string, string?];
    const offered = second ?? first;
    const when =
      second === undefined
        ? '__fish_use_subcommand'
        : `__fish_seen_subcommand_from ${first}; and not __fish_seen_subcommand_from ${second}`;
    if (second !== undefined) lines.push(`complete -c weir -n __fish_use_subcommand -a ${first}`);
    lines.push(`complete -c weir -n ${quoted(when)} -a ${offered} -d ${quoted(spec.summary)}`);
    const seen = second === undefined ? first : `${first}; and __fish_seen_subcommand_from ${second}`;
    for (const flag of flagsOf(spec)) {
      const values = isSwitch(flag) ? '' : flag.values ? ` -x -a ${quoted(flag.values.join(' '))}` : ' -r';
      const condition = quoted(`__fish_seen_subcommand_from ${seen}`);
      lines.push(`complete -c weir -n ${condition} -l ${flagName(flag)}${values} -d ${quoted(flag.description)}`);
    }
  }
  return `${[...new Set(lines)].join('\n')}\n`;
}
