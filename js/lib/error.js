/** The one error of this package. */

/** The program did not start, or refused what it was asked. */
export class FhirliteError extends Error {
  name = "FhirliteError";
}
