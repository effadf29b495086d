import { useSyncExternalStore } from 'react';
import { createStoredChoice } from '../design/stored-choice.ts';

const choice = createStoredChoice('hop-single-keys', ['on', 'off']);

/** Whether single characters run commands: people whose voice control or hand presses them by accident can switch that off. */
export const areSingleKeysOn = (): boolean => choice.current() === 'on';

/** The same, and how to switch it. */
export const useSingleKeys = (): [boolean, (isOn: boolean) => void] => [
  useSyncExternalStore(choice.subscribe, areSingleKeysOn),
  (isOn) => choice.choose(isOn ? 'on' : 'off'),
];

/** Whether the keys are only characters: `n`, `g l`, but neither `mod+k` nor `Delete`. */
export const isSingle = (keys: string): boolean => keys.split(' ').every((key) => key.length === 1);
