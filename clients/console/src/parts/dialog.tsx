// A dialog that says what will happen, does it, and shows why it was not done.

import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";

import { useDoing } from "./asking.js";
import { Problem } from "./states.js";

interface DialogProps {
  title: string;
  /** What the button that does it is called; without one there is nothing to be done. */
  action?: string;
  danger?: boolean;
  /** Does it. The dialog closes itself afterwards, unless `stays`. */
  onDo?: () => Promise<void>;
  stays?: boolean;
  ready?: boolean;
  onClose: () => void;
  children: ComponentChildren;
}

export function Dialog({ title, action, danger, onDo, stays, ready = true, onClose, children }: DialogProps) {
  const box = useRef<HTMLDialogElement>(null);
  const named = useId();
  const doing = useDoing();
  useEffect(() => {
    const opener = document.activeElement;
    box.current?.showModal();
    return () => {
      box.current?.close();
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
    };
  }, []);
  const act = (event: Event): void => {
    event.preventDefault();
    if (onDo === undefined || doing.busy || !ready) return;
    doing.run(async () => {
      await onDo();
      if (stays !== true) onClose();
    });
  };
  const leave = (event: Event): void => {
    event.preventDefault();
    if (!doing.busy) onClose();
  };
  return (
    <dialog ref={box} aria-labelledby={named} onCancel={leave}>
      <form onSubmit={act} aria-busy={doing.busy}>
        <h2 id={named}>{title}</h2>
        {children}
        {doing.error !== undefined && <Problem error={doing.error} />}
        <div class="actions">
          <button type="button" onClick={leave} disabled={doing.busy}>
            {action === undefined ? "Close" : "Cancel"}
          </button>
          {action !== undefined && (
            <button type="submit" class={danger ? "danger" : "primary"} disabled={doing.busy || !ready}>
              {doing.busy ? "Working …" : action}
            </button>
          )}
        </div>
      </form>
    </dialog>
  );
}
