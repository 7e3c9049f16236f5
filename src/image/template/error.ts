/**
 * A template that is not understood, or that comes to too much. The message says what and where.
 */
export class TemplateError extends Error {}
