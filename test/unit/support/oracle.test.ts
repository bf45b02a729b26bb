import { articlePoints } from '../../support/article.ts';
import { Oracle } from '../../support/oracle.ts';

const at = 1_478_507_534_415_525_888n;
const event = (product: string, eventType: string, username: string, timestamp = at) => ({
  product,
  eventType,
  username,
  timestamp,
});

test('counts the example as the example says', () => {
  const oracle = new Oracle();
  oracle.add(event('productA', 'http-5xx', 'testusername1'));
  oracle.add(event('productA', 'os_error', 'testusername2'));
  oracle.add(event('productB', 'browser_error', 'testusername3'));
  oracle.add(event('productB', 'browser_error', 'testusername4'));
  oracle.add(event('productA', 'http-5xx', 'testusername1', at + 2n));
  expect(oracle.points()).toEqual(articlePoints());
});

test('takes the same event once', () => {
  const oracle = new Oracle();
  expect(oracle.add(event('p', 't', 'u'))).toBe(true);
  expect(oracle.add(event('p', 't', 'u'))).toBe(false);
  expect(oracle.events).toBe(1);
});

test('keeps windows, and names that only look alike, apart', () => {
  const oracle = new Oracle({ windowSec: 1 });
  oracle.add(event('__proto__', 'a,b', 'u', 999_999_999n));
  oracle.add(event('__proto__', 'a,b', 'u', 1_000_000_000n));
  oracle.add(event('__proto__,a', 'b', 'u', 1_000_000_000n));
  expect(oracle.points()).toEqual(
    [
      'cumulative_user_event,event_type=a\\,b,product=__proto__ value=1 0',
      'unique_user_event,event_type=a\\,b,product=__proto__ value=1 0',
      'cumulative_user_event,event_type=a\\,b,product=__proto__ value=1 1000000000',
      'unique_user_event,event_type=a\\,b,product=__proto__ value=1 1000000000',
      'cumulative_user_event,event_type=b,product=__proto__\\,a value=1 1000000000',
      'unique_user_event,event_type=b,product=__proto__\\,a value=1 1000000000',
    ].sort(),
  );
});
