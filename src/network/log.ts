/** Shaped as pino's methods. */
export interface NetworkLog {
  info(context: object, message: string): void;
  warn(context: object, message: string): void;
}
