import { type RefObject, useEffect, useState } from 'react';
import type { Domain } from '#gen/link/v1/domain_pb.ts';
import { Button } from '../../components/controls/button.tsx';
import { SelectField, TextField } from '../../components/controls/field.tsx';
import { isNarrow, type LinkFilter, orders, states } from './link-filter.ts';
import style from './links.module.css';

/** A pause in typing as long as this is taken for the end of a word. */
const pauseMs = 250;

interface FilterBarProps {
  readonly filter: LinkFilter;
  readonly change: (change: Partial<LinkFilter>) => void;
  readonly domains: readonly Domain[];
  readonly searchField: RefObject<HTMLInputElement | null>;
}

export function FilterBar({ filter, change, domains, searchField }: FilterBarProps) {
  const [search, setSearch] = useLateText(filter.search, (text) => change({ search: text }));
  const [tag, setTag] = useLateText(filter.tag, (text) => change({ tag: text }));
  return (
    <search className={style.filters}>
      <div className={style.search}>
        <TextField
          ref={searchField}
          label="Search"
          type="search"
          optional
          placeholder="Title, alias or destination"
          maxLength={256}
          value={search}
          onChange={(event) => setSearch(event.target.value)}
        />
      </div>
      <TextField
        label="Tag"
        type="search"
        optional
        placeholder="Any"
        value={tag}
        onChange={(event) => setTag(event.target.value)}
      />
      <SelectField
        label="State"
        optional
        value={filter.state}
        onChange={(event) => change({ state: event.target.value })}
      >
        <Options list={states} />
      </SelectField>
      <SelectField
        label="Order"
        optional
        value={filter.order}
        onChange={(event) => change({ order: event.target.value })}
      >
        <Options list={orders} />
      </SelectField>
      {domains.length > 1 && (
        <SelectField
          label="Domain"
          optional
          value={filter.domain}
          onChange={(event) => change({ domain: event.target.value })}
        >
          <Options list={[['', 'All domains'], ...domains.map(({ name }) => [name, name] as const)]} />
        </SelectField>
      )}
      {isNarrow(filter) && (
        <Button
          look="quiet"
          icon="close"
          onClick={() => {
            change({ search: '', tag: '', state: '', domain: '' });
            searchField.current?.focus();
          }}
        >
          Clear
        </Button>
      )}
    </search>
  );
}

function Options({ list }: { list: readonly (readonly [string, string])[] }) {
  return list.map(([value, label]) => (
    <option key={value} value={value}>
      {label}
    </option>
  ));
}

/** What is being typed, and a call once it rests, without the blanks around it; a change from elsewhere replaces it. */
function useLateText(settled: string, settle: (text: string) => void): [string, (text: string) => void] {
  const [text, setText] = useState(settled);
  const [seen, setSeen] = useState(settled);
  if (seen !== settled) {
    setSeen(settled);
    // A blank that is still to be followed by a word stays.
    if (text.trim() !== settled) setText(settled);
  }
  useEffect(() => {
    const meant = text.trim();
    if (meant === settled) return;
    const timer = setTimeout(() => settle(meant), pauseMs);
    return () => clearTimeout(timer);
  });
  return [text, setText];
}
