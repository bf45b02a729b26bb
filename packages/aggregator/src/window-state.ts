import type { Totals } from '@weir/common/event';
import { type GroupTable, groupName, type KnownGroup } from './group-table.ts';
import {
  type DecodedRecord,
  decodeRecord,
  encodeRecord,
  type LogSection,
  NO_VERSION,
  type Version,
} from './log-codec.ts';
import { U64Set } from './u64-set.ts';

/**
 * One window of one partition in memory: which identities were counted, which users each group has seen, and the version
 * of the log this is the sum of. It changes only by replaying records: those read from Redis, and this process's own
 * once Redis confirmed that they were appended.
 *
 * The identities and users of a delta are proposed in the tables at once (u64-set.ts). Whatever comes next settles that:
 * the delta's own confirmation keeps them, and anything else, the next delta or a record read from Redis, takes them back
 * first. So nobody has to remember to give up what a fold that failed had proposed.
 */
export interface GroupTotals extends Totals {
  readonly group: KnownGroup;
}

/** What one fold would add to a window; made by DeltaBuilder, taken in after Redis confirmed it. */
export interface WindowDelta {
  readonly record: Buffer;
  readonly version: Version;
  readonly events: number;
  /** What the record says, as it was before it was bytes. */
  readonly newGroups: readonly KnownGroup[];
  readonly sections: readonly LogSection[];
}

let states = 0;
const FIRST_GROUPS = 64;

export class WindowState {
  readonly startSec: number;
  readonly #number = ++states;
  #version: Version = NO_VERSION;
  readonly #identities = new U64Set();
  readonly #users = new U64Set();
  readonly #groups: GroupTotals[] = [];
  /** By object for speed, by name for truth: the group table forgets, and then makes new objects for old names. */
  readonly #byGroup = new Map<KnownGroup, number>();
  readonly #byName = new Map<string, number>();
  /** By position in the log, two words: the delta that counted the group last, and in which of its sections. */
  #sectionNotes = new Uint32Array(FIRST_GROUPS * 2);
  /** Whose identities and users are proposed in the tables. */
  #proposed: WindowDelta | undefined;

  constructor(startSec: number) {
    this.startSec = startSec;
  }

  get version(): Version {
    return this.#version;
  }

  /** In the order the log brought them. */
  get groups(): readonly GroupTotals[] {
    return this.#groups;
  }

  get events(): number {
    return this.#identities.size - this.#identities.proposals;
  }

  /** What this window holds in memory, in bytes, roughly: the tables, and 200 bytes a group. */
  get bytes(): number {
    return this.#identities.bytes + this.#users.bytes + this.#groups.length * 200;
  }

  counted(identityHi: number, identityLo: number): boolean {
    return this.#identities.has(identityHi, identityLo);
  }

  /** Position of a group in the log, or -1 when the window does not have it yet. */
  groupPosition(group: KnownGroup): number {
    if (group.knownBy === this.#number) return group.knownAt;
    let position = this.#byGroup.get(group);
    if (position === undefined) {
      position = this.#byName.get(groupName(group));
      if (position === undefined) return -1;
      this.#byGroup.set(group, position);
    }
    group.knownBy = this.#number;
    group.knownAt = position;
    return position;
  }

  /**
   * Replays the log from this state's version on. `log` begins there. Returns how many bytes were whole records; the
   * caller brings the rest again with more. Throws a RangeError when the bytes are no log.
   */
  replay(log: Buffer, groups: GroupTable): number {
    this.takeBack();
    let at = 0;
    for (;;) {
      const record = decodeRecord(log, at);
      if (!record) return at;
      this.#takeRecord(record, record.end - at, groups);
      addAll(this.#identities, record.identities);
      addAll(this.#users, record.users);
      at = record.end;
    }
  }

  /** Takes in a delta that was made from this very version, and that Redis confirmed. */
  confirm(delta: WindowDelta, groups: GroupTable): void {
    if (delta !== this.#proposed) {
      this.replay(delta.record, groups);
      return;
    }
    for (const group of delta.newGroups) this.#addGroup(group);
    this.#addSections(delta.sections);
    this.#version = delta.version;
    this.#identities.keep();
    this.#users.keep();
    this.#proposed = undefined;
  }

  /** What the delta builder does, and nobody else. */
  proposeIdentity(hi: number, lo: number): boolean {
    return this.#identities.propose(hi, lo);
  }

  proposeUser(hi: number, lo: number): boolean {
    return this.#users.propose(hi, lo);
  }

  proposedWords(): { identities: Uint32Array; users: Uint32Array } {
    return { identities: this.#identities.proposedWords, users: this.#users.proposedWords };
  }

  /** Which section of the delta counts the group of this position; -1 when none does yet. */
  sectionOf(position: number, delta: number): number {
    const at = position * 2;
    return at < this.#sectionNotes.length && this.#sectionNotes[at] === delta ? this.#sectionNotes[at + 1]! : -1;
  }

  noteSection(position: number, delta: number, section: number): void {
    const at = position * 2;
    if (at >= this.#sectionNotes.length) {
      const notes = new Uint32Array(Math.max(this.#sectionNotes.length * 2, at + 2));
      notes.set(this.#sectionNotes);
      this.#sectionNotes = notes;
    }
    this.#sectionNotes[at] = delta;
    this.#sectionNotes[at + 1] = section;
  }

  /** What is proposed from here on is this delta's. */
  proposedBy(delta: WindowDelta): void {
    this.#proposed = delta;
  }

  /** Nothing was proposed. */
  takeBack(): void {
    this.#identities.takeBack();
    this.#users.takeBack();
    this.#proposed = undefined;
  }

  #takeRecord(record: DecodedRecord, bytes: number, groups: GroupTable): void {
    for (const { eventTypeBytes: e, productBytes: p } of record.newGroups) {
      this.#addGroup(groups.find(e, 0, e.length, p, 0, p.length));
    }
    this.#addSections(record.sections);
    this.#version = { length: this.#version.length + bytes, nonce: record.nonce };
  }

  #addGroup(group: KnownGroup): void {
    const position = this.#groups.push({ group, events: 0, users: 0 }) - 1;
    this.#byGroup.set(group, position);
    this.#byName.set(groupName(group), position);
  }

  #addSections(sections: readonly LogSection[]): void {
    for (const { group, events, users } of sections) {
      const totals = this.#groups[group];
      if (!totals) throw new RangeError(`the log names group ${group} of ${this.#groups.length}`);
      totals.events += events;
      totals.users += users;
    }
  }
}

function addAll(set: U64Set, pairs: DataView): void {
  set.reserve(pairs.byteLength / 8);
  for (let i = 0; i < pairs.byteLength; i += 8) set.add(pairs.getUint32(i, true), pairs.getUint32(i + 4, true));
}

/** Their numbers are words; the first word is of no delta. */
let deltas = 0;

/** Collects what a fold finds new in one window, and proposes it there. There is one at a time for a state. */
export class DeltaBuilder {
  readonly #state: WindowState;
  #events = 0;
  readonly #newGroups: KnownGroup[] = [];
  readonly #newPositions = new Map<string, number>();
  readonly #number = nextDelta();
  readonly #sections: LogSection[] = [];

  constructor(state: WindowState) {
    state.takeBack();
    this.#state = state;
  }

  get events(): number {
    return this.#events;
  }

  /** True when the event is new to the window and to this fold; it is taken in then. */
  add(group: KnownGroup, identityHi: number, identityLo: number, userHi: number, userLo: number): boolean {
    const state = this.#state;
    if (!state.proposeIdentity(identityHi, identityLo)) return false;
    this.#events++;
    // A look-up for each group and delta, and not for each event.
    const section = this.#sections[group.metBy === this.#number ? group.metAt : this.#meet(group)]!;
    section.events++;
    if (state.proposeUser(userHi, userLo)) section.users++;
    return true;
  }

  /** Whether the event is a duplicate, without taking it in. */
  isDuplicate(identityHi: number, identityLo: number): boolean {
    return this.#state.counted(identityHi, identityLo);
  }

  /** Undefined when nothing new was found: then the version stays. `nonce` is 16 fresh random bytes. */
  build(nonce: Uint8Array): WindowDelta | undefined {
    if (this.#events === 0) return undefined;
    const state = this.#state;
    const parts = { newGroups: this.#newGroups, sections: this.#sections, ...state.proposedWords() };
    const record = encodeRecord(parts, nonce);
    const version = {
      length: state.version.length + record.length,
      nonce: Buffer.from(nonce).toString('hex'),
    };
    const { newGroups, sections } = parts;
    const delta = { record, version, events: this.#events, newGroups, sections };
    state.proposedBy(delta);
    return delta;
  }

  /** Two objects may be of one name, and have one section. */
  #meet(group: KnownGroup): number {
    let position = this.#state.groupPosition(group);
    if (position < 0) {
      const name = groupName(group);
      const known = this.#newPositions.get(name);
      position = known ?? this.#state.groups.length + this.#newGroups.push(group) - 1;
      if (known === undefined) this.#newPositions.set(name, position);
    }
    let at = this.#state.sectionOf(position, this.#number);
    if (at < 0) {
      at = this.#sections.push({ group: position, events: 0, users: 0 }) - 1;
      this.#state.noteSection(position, this.#number, at);
    }
    group.metBy = this.#number;
    group.metAt = at;
    return at;
  }
}

/** After some four billion of them a note that was left behind by the first could be taken for one of today. */
function nextDelta(): number {
  deltas = deltas === 0xffff_ffff ? 1 : deltas + 1;
  return deltas;
}
