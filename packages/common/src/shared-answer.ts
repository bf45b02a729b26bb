/**
 * Work that gives the same to everybody who asks, done once for all who ask at the same time: one is under way, and
 * whoever asks meanwhile shares the next one, which begins after they asked. So many askers cost no more than a few, and
 * nobody gets what was true only before. Pure.
 */
export class SharedAnswer<T> {
  readonly #work: () => Promise<T>;
  #underWay: Promise<T> | undefined;
  #next: Promise<T> | undefined;

  constructor(work: () => Promise<T>) {
    this.#work = work;
  }

  ask(): Promise<T> {
    if (this.#underWay === undefined) return this.#begin();
    this.#next ??= this.#underWay.then(
      () => this.#begin(),
      () => this.#begin(),
    );
    return this.#next;
  }

  #begin(): Promise<T> {
    this.#next = undefined;
    const underWay = this.#work().finally(() => {
      if (this.#underWay === underWay) this.#underWay = undefined;
    });
    this.#underWay = underWay;
    return underWay;
  }
}
