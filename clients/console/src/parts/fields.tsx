// Things to fill in, each with its label.

import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

interface Common {
  label: string;
  hint?: string;
  value: string;
  onChange: (value: string) => void;
}

interface TextProps extends Common {
  type?: "text" | "password" | "search" | "datetime-local" | "number";
  required?: boolean;
  maxLength?: number;
  placeholder?: string;
}

export function Text({ label, hint, value, onChange, type = "text", ...rest }: TextProps) {
  const id = useId();
  return (
    <Field id={id} label={label} hint={hint}>
      <input
        id={id}
        type={type as "text"}
        value={value}
        aria-describedby={hint ? `${id}-hint` : undefined}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => onChange(event.currentTarget.value)}
        {...rest}
      />
    </Field>
  );
}

export function Long({ label, hint, value, onChange, required }: Common & { required?: boolean }) {
  const id = useId();
  return (
    <Field id={id} label={label} hint={hint}>
      <textarea
        id={id}
        rows={4}
        value={value}
        required={required}
        aria-describedby={hint ? `${id}-hint` : undefined}
        onInput={(event) => onChange(event.currentTarget.value)}
      />
    </Field>
  );
}

export function Select({ label, hint, value, onChange, choices }: Common & { choices: readonly (readonly [string, string])[] }) {
  const id = useId();
  return (
    <Field id={id} label={label} hint={hint}>
      <select id={id} value={value} aria-describedby={hint ? `${id}-hint` : undefined} onChange={(event) => onChange(event.currentTarget.value)}>
        {choices.map(([key, said]) => (
          <option key={key} value={key}>
            {said}
          </option>
        ))}
      </select>
    </Field>
  );
}

function Field({ id, label, hint, children }: { id: string; label: string; hint: string | undefined; children: ComponentChildren }) {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children}
      {hint && (
        <p id={`${id}-hint`} class="hint">
          {hint}
        </p>
      )}
    </div>
  );
}
