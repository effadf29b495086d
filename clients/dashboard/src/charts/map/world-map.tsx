import { useEffect, useState } from 'react';
import { ErrorState } from '../../components/feedback/states.tsx';
import { countryName } from '../names.ts';
import { count } from '../numbers.ts';
import { type CountryShape, loadCountryShapes, mapBox } from './country-shapes.ts';
import style from './world-map.module.css';

interface WorldMapProps {
  /** ISO 3166-1 alpha-2, and how many clicks came from there. */
  readonly countries: readonly { readonly value: string; readonly clicks: number }[];
}

/** One of five shades for a share of the maximum; the square root distinguishes small ones from zero. */
const shades = 5;

/** Where clicks came from. The table beside it has the same in numbers, and the countries that are too small to be drawn. */
export default function WorldMap({ countries }: WorldMapProps) {
  const [shapes, setShapes] = useState<readonly CountryShape[]>();
  const [error, setError] = useState<unknown>();
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    setError(undefined);
    loadCountryShapes().then(setShapes, setError);
  }, [attempt]);
  if (error !== undefined) return <ErrorState error={error} retry={() => setAttempt((before) => before + 1)} />;
  // Shapes without a code, as Somaliland has none, are not where the clicks come from whose country is not known.
  const known = countries.filter(({ value }) => value !== '');
  const clicksOf = new Map(known.map(({ value, clicks }) => [value, clicks]));
  const most = Math.max(1, ...known.map(({ clicks }) => clicks));
  return (
    <div className={style.map}>
      <svg viewBox={`0 0 ${mapBox.width} ${mapBox.height}`} role="img" aria-label="Clicks by country, as a world map">
        {shapes?.map(({ code, path }) => {
          const clicks = clicksOf.get(code) ?? 0;
          const shade = clicks === 0 ? 0 : Math.max(1, Math.ceil(Math.sqrt(clicks / most) * shades));
          return (
            <path key={path} d={path} data-country={code} data-shade={shade}>
              {clicks > 0 && <title>{`${countryName(code)}: ${count(clicks)}`}</title>}
            </path>
          );
        })}
      </svg>
    </div>
  );
}
