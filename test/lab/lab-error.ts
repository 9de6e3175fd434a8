export type LabErrorCode = 'setup' | 'boot' | 'guest' | 'timeout' | 'unsupported' | 'command' | 'refused';

/** A failure of the lab itself, not of what is tested in it. */
export class LabError extends Error {
  readonly code: LabErrorCode;

  constructor(code: LabErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'LabError';
    this.code = code;
  }
}
