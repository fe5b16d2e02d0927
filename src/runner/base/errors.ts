/** An error that the person at the terminal can mend: its message names the file, option or value and says what to do. */
export class UserError extends Error {
  override name = 'UserError';
}
