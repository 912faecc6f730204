// Points of pleasure, arousal and dominance, turned and put onto a plane. Knows nothing of a page.

/** Pleasure, arousal, dominance, each from -1 to 1. */
export type Point = readonly [number, number, number];

/** How the space is turned, in radians: around the upright axis, and towards whoever looks. */
export interface Turn {
  yaw: number;
  pitch: number;
}

interface Flat {
  x: number;
  y: number;
  /** How near, from about -1 to 1: what is nearer is drawn later and larger. */
  near: number;
}

const MOST_PITCH = Math.PI / 2 - 0.05;
/** How far away the eye is; the cube reaches to 1. */
const EYE = 5;

export const FIRST: Turn = { yaw: -0.6, pitch: 0.35 };

export function turned(turn: Turn, yaw: number, pitch: number): Turn {
  const whole = 2 * Math.PI;
  return {
    yaw: (((turn.yaw + yaw) % whole) + whole) % whole,
    pitch: Math.max(-MOST_PITCH, Math.min(MOST_PITCH, turn.pitch + pitch)),
  };
}

/** Pleasure goes right, arousal up, and dominance towards whoever looks, as long as nothing is turned. */
export function projected([pleasure, arousal, dominance]: Point, { yaw, pitch }: Turn): Flat {
  const x = pleasure * Math.cos(yaw) + dominance * Math.sin(yaw);
  const z = dominance * Math.cos(yaw) - pleasure * Math.sin(yaw);
  const y = arousal * Math.cos(pitch) - z * Math.sin(pitch);
  const near = z * Math.cos(pitch) + arousal * Math.sin(pitch);
  const scale = EYE / (EYE - near);
  return { x: x * scale, y: -y * scale, near: near / Math.sqrt(3) };
}

const SIGNS = [-1, 1] as const;
/** The edges of the space. */
export const EDGES: readonly (readonly [Point, Point])[] = SIGNS.flatMap((a) =>
  SIGNS.flatMap((b): [Point, Point][] => [
    [[-1, a, b], [1, a, b]],
    [[a, -1, b], [a, 1, b]],
    [[a, b, -1], [a, b, 1]],
  ]),
);
