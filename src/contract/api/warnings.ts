/** `GET /1.0/warnings/<uuid>`. */
export interface Warning {
  readonly uuid: string;
  readonly location: 'none';
  readonly project: string;
  readonly type: string;
  readonly count: number;
  readonly first_seen_at: string;
  readonly last_seen_at: string;
  readonly last_message: string;
  readonly severity: 'low' | 'moderate' | 'high';
  readonly status: 'new' | 'acknowledged' | 'resolved';
  readonly entity_url: string;
}
