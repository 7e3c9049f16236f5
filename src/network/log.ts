/** Shaped as pino's methods. */
export interface NetworkLog {
  debug(context: object, message: string): void;
  warn(context: object, message: string): void;
}
