/** Loaded by jest before every test file: ties the cleanup stack to the life of tests and files. */
import { cleanupMark, disposeAll, disposeTo } from './cleanup.ts';

let mark = 0;

beforeEach(() => {
  mark = cleanupMark();
});
afterEach(async () => disposeTo(mark));
afterAll(disposeAll);
