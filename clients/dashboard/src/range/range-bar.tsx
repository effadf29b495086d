import { useId, useState } from 'react';
import { Button } from '../components/controls/button.tsx';
import {
  customRange,
  dayText,
  type PresetName,
  presetLabel,
  presetNames,
  presetRange,
  type Range,
  timeZone,
} from './range.ts';
import style from './range-bar.module.css';
import type { useRange } from './use-range.ts';

/** Which time is looked at: one of the usual ranges, or any days; with bots or without. */
export function RangeBar({ range, now, withBots, choose, setWithBots }: ReturnType<typeof useRange>) {
  const [isCustom, setCustom] = useState(range.name === 'custom');
  const name = useId();
  const pick = (preset: PresetName): void => {
    setCustom(false);
    choose(presetRange(preset, now));
  };
  return (
    <div className={style.bar}>
      <fieldset className={style.presets}>
        <legend className="only-read">Time range</legend>
        {presetNames.map((preset) => (
          <label key={preset}>
            <input
              type="radio"
              name={name}
              checked={!isCustom && range.name === preset}
              onChange={() => pick(preset)}
            />
            <span>{presetLabel(preset)}</span>
          </label>
        ))}
        <label>
          <input type="radio" name={name} checked={isCustom} onChange={() => setCustom(true)} />
          <span>Custom</span>
        </label>
      </fieldset>
      {isCustom && <CustomDays key={chosenOf(range)} range={range} now={now} choose={choose} />}
      <label className={style.bots}>
        <input type="checkbox" checked={withBots} onChange={(event) => setWithBots(event.target.checked)} />
        Count bots
      </label>
      <span className={style.zone}>Days in {timeZone().replaceAll('_', ' ')}</span>
    </div>
  );
}

/** Changes when another range is chosen: not with the time, with which the usual ones move on. */
const chosenOf = ({ name, from, to }: Range): string =>
  name === 'custom' ? `${from.getTime()} ${to?.getTime()}` : name;

function CustomDays({ range, now, choose }: Pick<ReturnType<typeof useRange>, 'range' | 'now' | 'choose'>) {
  const [from, setFrom] = useState(dayText(range.from));
  const [to, setTo] = useState(dayText(range.to ? new Date(range.to.getTime() - 1) : now));
  const [isWrong, setWrong] = useState(false);
  const noteId = useId();
  return (
    <form
      className={style.custom}
      onSubmit={(event) => {
        event.preventDefault();
        const chosen = customRange(from, to, now);
        setWrong(!chosen);
        if (chosen) choose(chosen);
      }}
    >
      <label>
        From
        <input type="date" required max={dayText(now)} value={from} onChange={(event) => setFrom(event.target.value)} />
      </label>
      <label>
        to
        <input
          type="date"
          required
          max={dayText(now)}
          value={to}
          aria-invalid={isWrong || undefined}
          aria-describedby={isWrong ? noteId : undefined}
          onChange={(event) => setTo(event.target.value)}
        />
      </label>
      <Button type="submit" small>
        Show
      </Button>
      {isWrong && (
        <p id={noteId} className={style.wrong} role="alert">
          Choose a first day that is not after the last one, and not in the future.
        </p>
      )}
    </form>
  );
}
