import { useRef, useState } from 'react';
import { Button } from './button.tsx';
import style from './copy-field.module.css';
import { Field } from './field.tsx';

/** A text with a button that copies it; if the browser refuses, the text is selected for copying by hand. */
export function CopyField({ label, text }: { label: string; text: string }) {
  const input = useRef<HTMLInputElement>(null);
  const [outcome, setOutcome] = useState<'copied' | 'by hand'>();
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      setOutcome('copied');
    } catch {
      input.current?.select();
      setOutcome('by hand');
    }
  };
  const hint = { copied: 'Copied.', 'by hand': 'Selected: copy it with your keyboard.' };
  return (
    <Field label={label} hint={outcome && hint[outcome]}>
      {({ className, ...props }) => (
        <div className={style.row}>
          <input
            {...props}
            ref={input}
            className={className}
            value={text}
            readOnly
            onFocus={({ target }) => target.select()}
          />
          <Button icon={outcome === 'copied' ? 'check' : 'copy'} autoFocus onClick={() => void copy()}>
            Copy
          </Button>
        </div>
      )}
    </Field>
  );
}
