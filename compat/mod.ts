/**
 * Rejects breaking changes of event schemas. Not built yet: this version exports nothing.
 *
 * @module
 */
export {};
