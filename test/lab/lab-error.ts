export type LabErrorCode = 'setup' | 'boot' | 'guest' | 'timeout' | 'unsupported' | 'command' | 'refused';

/** What goes wrong in the lab itself, as opposed to in what is tested in it. */
export class LabError extends Error {
  readonly code: LabErrorCode;

  constructor(code: LabErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'LabError';
    this.code = code;
  }
}
