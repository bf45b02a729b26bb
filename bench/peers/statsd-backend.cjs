// A backend of statsd: one line of JSON per flush on stdout, what each counter and set had come to.
exports.init = (_startedSec, _config, events) => {
  events.on('flush', (_nowSec, { counters, sets }) => {
    const sizes = Object.entries(sets).map(([key, set]) => [key, set.size()]);
    process.stdout.write(`${JSON.stringify({ flush: { counters, sets: Object.fromEntries(sizes) } })}\n`);
  });
  return true;
};
