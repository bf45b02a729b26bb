/** What `?` shows. */
export const HELP: readonly string[] = [
  'weir top: how the deployment is, again and again',
  '',
  '  q  Ctrl-C     quit',
  '  p  space      pause, and go on',
  '  s             sort partitions by what waits, by number, by what comes',
  '  +  -          look less often, more often',
  '  up down j k   scroll the partitions; page up and down too, g to the first',
  '  ?  h          this; any key goes back',
  '  Ctrl-Z        stop; fg goes on',
  '',
  '  in/s out/s    events received and folded a second; both on one scale',
  '  lag           events received and not folded; oldest: since when',
  '  ?             not known',
  '',
  'Every sentence above has an entry in docs/runbook.md, by its name in brackets.',
  'More of it: weir status, weir lag, weir windows, weir ledger, weir doctor',
];
