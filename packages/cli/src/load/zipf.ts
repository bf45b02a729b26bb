import type { Random } from '@weir/common/random';

/**
 * Numbers from 1 to n of which the k-th is drawn k^s times less often than the first; with s = 0 all alike. By rejection and
 * inversion (W. Hörmann, G. Derflinger, Rejection-inversion to generate variates from monotone discrete distributions, 1996):
 * no table, so that millions of users cost nothing. Pure.
 */
export class Zipf {
  readonly #n: number;
  readonly #s: number;
  readonly #integralOfOne: number;
  readonly #integralOfAll: number;
  readonly #squeeze: number;

  constructor(n: number, s: number) {
    this.#n = n;
    this.#s = s;
    this.#integralOfOne = this.#integral(1.5) - 1;
    this.#integralOfAll = this.#integral(n + 0.5);
    this.#squeeze = 2 - this.#inverse(this.#integral(2.5) - this.#weight(2));
  }

  draw(random: Random): number {
    for (;;) {
      const u = this.#integralOfAll + random.fraction() * (this.#integralOfOne - this.#integralOfAll);
      const x = this.#inverse(u);
      const k = Math.min(this.#n, Math.max(1, Math.floor(x + 0.5)));
      if (k - x <= this.#squeeze || u >= this.#integral(k + 0.5) - this.#weight(k)) return k;
    }
  }

  #weight(x: number): number {
    return Math.exp(-this.#s * Math.log(x));
  }

  /** Of the weight, from 1 to x. */
  #integral(x: number): number {
    const log = Math.log(x);
    return expm1Over((1 - this.#s) * log) * log;
  }

  #inverse(x: number): number {
    return Math.exp(log1pOver(Math.max(-1, x * (1 - this.#s))) * x);
  }
}

/** (e^x - 1) / x, and its limit. */
function expm1Over(x: number): number {
  return Math.abs(x) > 1e-8 ? Math.expm1(x) / x : 1 + x / 2;
}

/** log(1 + x) / x, and its limit. */
function log1pOver(x: number): number {
  return Math.abs(x) > 1e-8 ? Math.log1p(x) / x : 1 - x / 2;
}
