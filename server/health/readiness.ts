/** Whether new pulls should come here: not before a state is loaded, nor when the server is about to stop. */
export type ReadinessState = 'ready' | 'loading' | 'draining';

export class Readiness {
  readonly #hasStore: () => boolean;
  #isDraining = false;

  constructor(hasStore: () => boolean) {
    this.#hasStore = hasStore;
  }

  get state(): ReadinessState {
    if (this.#isDraining) return 'draining';
    return this.#hasStore() ? 'ready' : 'loading';
  }

  beginDraining(): void {
    this.#isDraining = true;
  }
}
