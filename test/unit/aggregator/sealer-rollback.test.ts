import { type Deployment, deployment, expectSealed, signal, WINDOW } from '../../support/sealing.ts';

describe('a seal never rests on what an earlier Redis knew', () => {
  const nothingSealed = ({ stores, finals }: Deployment) => {
    expect(stores.map(({ sealed }) => sealed.size)).toEqual([0, 0]);
    expect(finals.records.size).toBe(0);
  };

  test('the connection was lost since the windows were seen: they are seen again first', async () => {
    const it = await deployment();
    await it.observer.runOnce();
    it.redis.losses++;
    await it.sealer.runOnce(signal);
    nothingSealed(it);
    await it.round();
    expectSealed(it);
  });

  test('the connection was lost while the relays were asked', async () => {
    const it: Deployment = await deployment({
      relays: async () => {
        it.redis.losses++;
        return [];
      },
    });
    await it.round();
    nothingSealed(it);
  });

  test('a partition was emptied since it was seen', async () => {
    const it: Deployment = await deployment({
      relays: async () => {
        it.stores[1]!.birth = 'of the emptied partition';
        return [];
      },
    });
    it.stores[0]!.sealed.add(WINDOW);
    await it.round();
    expect(it.stores[1]!.sealed.size).toBe(0);
    expect(it.finals.records.size).toBe(0);
  });

  test('the connection was lost between the bits and the record', async () => {
    const it = await deployment();
    it.stores[1]!.before = (step) => {
      if (step === 'publishedTotals') it.redis.losses++;
    };
    await it.round();
    expect(it.finals.records.size).toBe(0);
  });

  test('all was emptied between the bits and the record: the record goes again', async () => {
    const it = await deployment();
    const store = it.finals.store.bind(it.finals);
    it.finals.store = async (startSec, totals) => {
      for (const partition of it.stores) {
        partition.birth = 'of the emptied partition';
        partition.sealed.clear();
      }
      return store(startSec, totals);
    };
    await it.round();
    nothingSealed(it);
    expect(it.seen.sealed).toBe(0);
  });
});
