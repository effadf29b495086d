import type { Popularity } from './popularity.ts';
import { pushCost } from './push-cost.ts';

export interface ChooseOptions {
  readonly popularity: Pick<Popularity, 'above' | 'scoreOf'>;
  /** The links that are hot, or would be if they were plain. */
  readonly chosen: { readonly size: number; has(name: string): boolean; names(): Iterable<string> };
  /** How many there may be. */
  readonly capacity: number;
}

/** Names of links (link-name.ts). */
export interface Choice {
  readonly promote: readonly string[];
  readonly demote: readonly string[];
}

/** While there is room, whatever is followed becomes hot: half of the requests go to links that few others ask for. */
const enterScore = 0.75;
/** A link with a lower score has cooled: after two follows a link stays for two half-lives. */
const leaveScore = 0.5;
/** When the set is full: at least two follows in one half-life, */
const displaceScore = 1.5;
/** and half as many again as the link that it replaces, so that equals do not keep swapping places. */
const betterBy = 1.5;
/** A link followed this often per second does not wait. */
const urgentRate = 2;

const nothing: Choice = { promote: [], demote: [] };

/**
 * What should become hot and what should not be any more, if that is worth a push by now. So a set that is small or filling up is pushed
 * often, a large one that is right seldom.
 */
export function choose({ popularity, chosen, capacity }: ChooseOptions): Choice {
  const { cooled, others } = incumbents(popularity, chosen);
  const room = capacity - others.length;
  if (chosen.size > capacity) {
    const excess = weakest(others).slice(0, Math.max(0, -room));
    return { promote: [], demote: [...cooled, ...excess.map(nameOf)] };
  }
  const least = room > 0 ? enterScore : displacing(others.reduce((low, { score }) => Math.min(low, score), Infinity));
  const candidates = popularity.above(least, chosen.has).sort((a, b) => b.score - a.score);
  const promote = candidates.slice(0, room);
  const demote = [...cooled];
  let gain = promote.reduce((sum, { score }) => sum + score, 0);
  if (candidates.length > room) {
    const places = weakest(others);
    for (const [index, candidate] of candidates.slice(room).entries()) {
      const place = places[index];
      if (!place || candidate.score < displacing(place.score)) break;
      promote.push(candidate);
      demote.push(place.name);
      gain += candidate.score - place.score;
    }
  }
  const urgent = promote.some(({ rate }) => rate >= urgentRate);
  const worth = promote.length > 0 && gain >= pushCost(chosen.size);
  const stale = cooled.length > Math.max(100, chosen.size / 2);
  return urgent || worth || stale ? { promote: promote.map(nameOf), demote } : nothing;
}

interface Incumbent {
  readonly name: string;
  readonly score: number;
}

const nameOf = ({ name }: Incumbent): string => name;
const weakest = (others: readonly Incumbent[]): Incumbent[] => others.toSorted((a, b) => a.score - b.score);
const displacing = (score: number): number => Math.max(displaceScore, betterBy * score);

function incumbents(popularity: ChooseOptions['popularity'], chosen: ChooseOptions['chosen']) {
  const cooled: string[] = [];
  const others: Incumbent[] = [];
  for (const name of chosen.names()) {
    const score = popularity.scoreOf(name);
    if (score < leaveScore) cooled.push(name);
    else others.push({ name, score });
  }
  return { cooled, others };
}
