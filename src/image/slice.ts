/** The U0 ids of the machine an image is unpacked for: guest id g is `start + g`. */
export interface SliceIds {
  readonly start: number;
  readonly size: number;
}
