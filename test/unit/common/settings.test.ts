import { SettingsError } from '@weir/common/errors';
import { addressOrOff, duration, name, redisUrl, secret, text } from '@weir/common/setting-values';
import { defineSettings, listSetting, loadSettings, setting } from '@weir/common/settings';

const program = { name: 'weir-test', version: '1.2.3', description: 'A program under test.' };
const spec = defineSettings({
  redis: setting({
    flag: 'redis <url>',
    env: 'WEIR_REDIS',
    description: 'the Redis',
    parse: redisUrl,
    default: 'redis://127.0.0.1:6379',
  }),
  http: setting({
    flag: 'http <addr|off>',
    env: 'WEIR_HTTP',
    description: 'HTTP',
    parse: addressOrOff,
    default: 'off',
  }),
  claimIdleMs: setting({
    flag: 'claim-idle <duration>',
    env: 'WEIR_CLAIM_IDLE',
    description: 'claim',
    parse: duration(),
    default: '30s',
  }),
  id: setting({ flag: 'id <name>', env: 'WEIR_ID', description: 'id', parse: name }),
  sinks: listSetting({
    flag: 'sink <url>',
    env: 'WEIR_SINKS',
    description: 'sinks',
    parse: text('a sink'),
    default: 'stdout:',
  }),
  token: setting({ env: 'WEIR_TOKEN', description: 'the token', parse: secret() }),
});

function load(argv: string[], env: Record<string, string> = {}, files: Record<string, string> = {}) {
  const readFile = (path: string): string => {
    const content = files[path];
    if (content === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
    return content;
  };
  return loadSettings(program, spec, { argv, env, readFile });
}

function settingsOf(...given: Parameters<typeof load>) {
  const loaded = load(...given);
  if (loaded.kind !== 'run') throw new Error('printed instead');
  return loaded.settings;
}

function refusalOf(...given: Parameters<typeof load>): string {
  try {
    load(...given);
  } catch (error) {
    expect(error).toBeInstanceOf(SettingsError);
    const { message } = error as Error;
    expect(message).not.toMatch(/[\r\n]/);
    return message;
  }
  throw new Error('not refused');
}

describe('where a setting comes from', () => {
  const yaml = { 'w.yaml': 'claim-idle: 3s\nsink: [file:c, file:d]\nid: "7"\n' };

  test('defaults stand where nothing is given, and settings without one stay undefined', () => {
    expect(settingsOf([])).toEqual({
      redis: 'redis://127.0.0.1:6379',
      http: 'off',
      claimIdleMs: 30_000,
      id: undefined,
      sinks: ['stdout:'],
      token: undefined,
    });
  });

  test('a flag wins over the environment, that over the file, that over the default', () => {
    const config = ['--config', 'w.yaml'];
    expect(settingsOf(config, {}, yaml).claimIdleMs).toBe(3_000);
    expect(settingsOf(config, { WEIR_CLAIM_IDLE: '2s' }, yaml).claimIdleMs).toBe(2_000);
    expect(settingsOf([...config, '--claim-idle', '1s'], { WEIR_CLAIM_IDLE: '2s' }, yaml).claimIdleMs).toBe(1_000);
    expect(settingsOf([...config, '--claim-idle=1s'], {}, yaml).claimIdleMs).toBe(1_000);
  });

  test('a list comes from a repeated flag, commas in the environment, or a list in YAML', () => {
    const sinks = ['file:a', 'http://h?db=b'];
    expect(settingsOf(['--sink', 'file:a', '--sink', 'http://h?db=b']).sinks).toEqual(sinks);
    expect(settingsOf([], { WEIR_SINKS: 'file:a, http://h?db=b' }).sinks).toEqual(sinks);
    expect(settingsOf(['--config', 'w.yaml'], {}, yaml).sinks).toEqual(['file:c', 'file:d']);
    expect(settingsOf(['--config', 'w.yaml'], {}, { 'w.yaml': 'sink: file:c' }).sinks).toEqual(['file:c']);
  });

  test('YAML values count as they are written: off is no boolean and 7 is a name', () => {
    const settings = settingsOf(['--config', 'w.yaml'], {}, { 'w.yaml': 'http: off\nid: 007\n' });
    expect(settings.http).toBe('off');
    expect(settings.id).toBe('007');
  });

  test('an empty variable counts as unset, an empty file as no settings', () => {
    expect(settingsOf([], { WEIR_CLAIM_IDLE: '' }).claimIdleMs).toBe(30_000);
    expect(settingsOf([], { WEIR_CONFIG: 'w.yaml' }, { 'w.yaml': '# nothing\n' }).claimIdleMs).toBe(30_000);
  });

  test('the last of a repeated plain flag counts', () => {
    expect(settingsOf(['--id', 'a', '--id', 'b']).id).toBe('b');
  });

  test('settings are frozen', () => {
    const settings = settingsOf([]);
    expect(Object.isFrozen(settings)).toBe(true);
    expect(Object.isFrozen(settings.sinks)).toBe(true);
  });

  test('what is shown masks secrets', () => {
    const loaded = load(['--redis', 'redis://me:hush@h'], { WEIR_TOKEN: 'hush' });
    expect(JSON.stringify(loaded.kind === 'run' && loaded.shown)).not.toContain('hush');
    expect(loaded).toMatchObject({ shown: { redis: 'redis://me:***@h', WEIR_TOKEN: '***', 'claim-idle': '30s' } });
  });
});

describe('a start that cannot be', () => {
  test('names a bad value the way it was given', () => {
    expect(refusalOf(['--claim-idle', '5 s'])).toMatch(/^--claim-idle: got "5 s", expected a duration/);
    expect(refusalOf([], { WEIR_CLAIM_IDLE: 'x' })).toMatch(/^WEIR_CLAIM_IDLE: got "x", expected a duration/);
    expect(refusalOf(['--config', 'w.yaml'], {}, { 'w.yaml': 'claim-idle: 5' })).toMatch(
      /^claim-idle in w.yaml: got "5", expected a duration/,
    );
  });

  test.each([
    ['--htpp', ['--htpp', '127.0.0.1:1']],
    ['--htpp', ['--htpp=127.0.0.1:1']],
    ['-x', ['-x']],
    ['start', ['start']],
    ['stray', ['--', 'stray']],
  ])('names the unknown argument %s', (shown, argv) => {
    expect(refusalOf(argv)).toBe(`"${shown}": unknown flag, expected one that weir-test --help lists`);
  });

  test('shows no password, also when its flag was forgotten', () => {
    expect(refusalOf(['redis://me:hush@h'])).not.toContain('hush');
    expect(refusalOf(['--redis', 'http://me:hush@h'])).toContain('http://me:***@h');
    expect(refusalOf([], { WEIR_REDIS: 'me:hush@h' })).not.toContain('hush');
  });

  test('names a flag without its value', () => {
    expect(refusalOf(['--id', 'a', '--http'])).toMatch(/^--http: got no value/);
  });

  test('names an unknown YAML key', () => {
    for (const key of ['htpp', 'claimIdle', 'config', 'help', '__proto__']) {
      expect(refusalOf(['--config', 'w.yaml'], {}, { 'w.yaml': `${key}: 1` })).toMatch(
        `"${key}" in w.yaml: unknown key`,
      );
    }
  });

  test.each([
    ['a map', 'http: {a: 1}'],
    ['nothing', 'http:'],
    ['a map in a list', 'sink: [file:a, {b: 1}]'],
    ['a list for a plain setting', 'http: [off, off]'],
  ])('refuses %s as a value', (_, yaml) => {
    expect(refusalOf(['--config', 'w.yaml'], {}, { 'w.yaml': yaml })).toMatch(/^(http|sink) in w.yaml: got /);
  });

  test.each([
    ['is missing', undefined, /^--config: got "w.yaml" \(ENOENT\), expected a readable YAML file$/],
    ['is no YAML', 'http: [off', /^--config: got "w.yaml", .* in line [12], expected YAML/],
    ['gives a key twice', 'http: off\nhttp: off', /^--config: got "w.yaml", DUPLICATE_KEY in line 2/],
    ['is no map', '- http', /^--config: got "w.yaml", expected YAML/],
  ])('names the file that %s', (_, yaml, expected) => {
    expect(refusalOf(['--config', 'w.yaml'], {}, yaml === undefined ? {} : { 'w.yaml': yaml })).toMatch(expected);
  });

  test('stays one line whatever the value holds', () => {
    expect(refusalOf(['--http', 'a\nb\r\nc'])).toContain('"a\\nb\\r\\nc"');
    expect(refusalOf(['--http', 'x'.repeat(5_000)]).length).toBeLessThan(500);
  });
});

describe('help and version', () => {
  test('help lists every flag, variable and default', () => {
    const loaded = load(['--help']);
    const printed = loaded.kind === 'print' ? loaded.text : '';
    for (const part of ['--claim-idle <duration>', 'WEIR_CLAIM_IDLE', '30s', '--config <file>', 'WEIR_TOKEN']) {
      expect(printed).toContain(part);
    }
  });

  test('version prints the version, wherever the flag stands', () => {
    expect(load(['--version'])).toEqual({ kind: 'print', text: '1.2.3\n' });
    expect(load(['--id', 'a', '-V'])).toEqual({ kind: 'print', text: '1.2.3\n' });
  });

  test('help is given even where another setting is wrong', () => {
    expect(load(['--http', 'nonsense', '--help']).kind).toBe('print');
  });
});
