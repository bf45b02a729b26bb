/**
 * A relay has two lanes per partition: one for user events, one for other lines. The journal tells them apart by their
 * number: that of the partition, with the highest of its 16 bits set where the lane carries other lines. Pure.
 */
const OTHERS = 0x8000;

export interface LanePlace {
  partition: number;
  /** The lane carries other lines, not user events. */
  others: boolean;
}

export function laneNumber({ partition, others }: LanePlace): number {
  return others ? OTHERS + partition : partition;
}

export function lanePlace(number: number): LanePlace {
  return number < OTHERS ? { partition: number, others: false } : { partition: number - OTHERS, others: true };
}
