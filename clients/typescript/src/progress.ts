/** How far a subscription was told, so that it goes on after that and tells nothing twice. Talks to nobody. */

/**
 * Positions of the vault's one order of changes.
 *
 * One change may be told in several messages of one position, always the same and in the same order. It is known to be whole when
 * a later position is told; until then it is asked for again after a break, and as many of its messages as came are left out.
 */
export class Progress {
  /** Everything up to it was told, moods too: changes beyond it may have been told before those. */
  whole: number | null;
  #restoredAt: number | null = null;
  #at: number | null = null;
  #told = 0;
  #again = 0;

  constructor(
    /** Every change up to it was told; nothing as long as that is where the vault stands when the server is asked. */
    public after: number | null,
  ) {
    this.whole = after;
  }

  /** Whether moods may be believed that never were: the vault was restored, and not all were told since. */
  get doubtful(): boolean {
    return this.#restoredAt !== null;
  }

  /** Telling begins, after `after`, or after a position where that is not known. */
  begin(position: number): void {
    this.after ??= position;
    this.whole ??= position;
    this.#again = 0;
  }

  /** Whether a message of a position is told for the first time. */
  isNew(position: number): boolean {
    if (position <= (this.after ?? -1) || position < (this.#at ?? -1)) return false;
    if (position !== this.#at) {
      this.after = this.#at ?? this.after;
      this.#at = position;
      this.#told = this.#again = 1;
      return true;
    }
    this.#again += 1;
    if (this.#again <= this.#told) return false;
    this.#told = this.#again;
    return true;
  }

  /** The vault was restored: what was told after a position never was, and telling begins there anew. */
  back(position: number): void {
    this.after = position;
    this.whole = Math.min(position, this.whole ?? position);
    this.#restoredAt = position;
    this.#at = null;
    this.#told = this.#again = 0;
  }

  /** Everything up to a position was told, moods too, or is not going to be. */
  upto(position: number): void {
    this.whole = Math.max(position, this.whole ?? 0);
    if (position >= (this.#restoredAt ?? 0)) this.#restoredAt = null;
    this.skip(position);
  }

  /** No change up to a position is told any more; moods of before may be. */
  skip(position: number): void {
    this.after = Math.max(position, this.after ?? 0);
    if (this.#at !== null && this.#at <= this.after) this.#at = null;
  }
}
