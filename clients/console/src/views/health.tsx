// How the door and what is behind it are: what is up, what is away, and what that means.

import type { Schemas } from "quantum-memory-client";
import { useEffect, useState } from "preact/hooks";

import { useAnswer } from "../parts/asking.js";
import { Shown } from "../parts/states.js";
import { count, number, spoken } from "../parts/words.js";
import { may, type Session } from "../session.js";
import { plain } from "./acts.js";

type Detailed = Schemas["Detailed"];
const AGAIN_MS = 10_000;

/** Whose admins are told what is behind the door. */
const OWNER = "default";

export function HealthPage({ session }: { session: Session }) {
  const { caller } = session;
  return may(caller, "admin") && caller.tenant === OWNER ? <Whole session={session} /> : <Brief session={session} />;
}

/** For whoever is told no more than whether it serves. */
function Brief({ session }: { session: Session }) {
  const asked = useAnswer((signal) => session.client.health({ signal }), []);
  return (
    <>
      <div class="head">
        <h1 tabIndex={-1}>Health</h1>
      </div>
      <Shown asked={asked} what="how it is">
        {({ status }) => (
          <p class="verdict" role="status">
            {status === "serving" ? "The door serves." : "This replica takes no more requests: it is about to end."}
          </p>
        )}
      </Shown>
      <p class="quiet">What is behind it is told to admins of the tenant {OWNER}.</p>
    </>
  );
}

function Whole({ session }: { session: Session }) {
  const [turn, setTurn] = useState(0);
  const asked = useAnswer((signal) => session.client.healthDetailed({ signal }), [], turn);
  useEffect(() => {
    const timer = setInterval(() => document.visibilityState === "visible" && setTurn((one) => one + 1), AGAIN_MS);
    return () => clearInterval(timer);
  }, []);
  return (
    <>
      <div class="head">
        <h1 tabIndex={-1}>Health</h1>
        <button type="button" onClick={asked.again} disabled={asked.loading}>
          Look again
        </button>
      </div>
      <Shown asked={asked} what="how it is">
        {(found) => <Report found={found} />}
      </Shown>
    </>
  );
}

function Report({ found }: { found: Detailed }) {
  const errors = Object.entries(found.errors);
  const behind = Object.entries(found.lag);
  return (
    <>
      <p class={`verdict verdict-${found.status}`} role="status">
        {verdict(found)}
      </p>
      {found.away.length + errors.length > 0 && (
        <section aria-labelledby="wrong">
          <h2 id="wrong">What is wrong</h2>
          <ul class="wrong">
            {found.away.map((one) => (
              <li key={one.part}>
                <b>{one.part}</b> does not answer: {one.detail} <span class="quiet">{one.error}</span>
              </li>
            ))}
            {errors.map(([where, error]) => (
              <li key={where}>
                <b>{spoken(where)}</b> went wrong in the background: {error}
              </li>
            ))}
          </ul>
        </section>
      )}
      <section aria-labelledby="pools">
        <h2 id="pools">Pools</h2>
        {Object.keys(found.pools).length === 0 && <p>No pool was heard of.</p>}
        <div class="pools">
          {Object.entries(found.pools).map(([name, pool]) => (
            <Pool key={name} name={name} pool={pool} />
          ))}
        </div>
      </section>
      <section aria-labelledby="views">
        <h2 id="views">Views</h2>
        {behind.every(([, events]) => events === 0) ? (
          <p>All views have taken in everything that is on disk, as far as they were heard.</p>
        ) : (
          <p>What is on disk is folded into views, which are behind by so many events.</p>
        )}
        <dl class="facts">
          {behind.map(([view, events]) => (
            <div key={view}>
              <dt>{spoken(view)}</dt>
              <dd>{count(events, "event")}</dd>
            </div>
          ))}
        </dl>
      </section>
      {found.vault !== null && (
        <section aria-labelledby="vault">
          <h2 id="vault">Vault</h2>
          <dl class="facts">
            {Object.entries(found.vault).map(([name, value]) => (
              <div key={name}>
                <dt>{spoken(name)}</dt>
                <dd>{told(name, value)}</dd>
              </div>
            ))}
          </dl>
        </section>
      )}
    </>
  );
}

function verdict({ status, serving, away, errors }: Detailed): string {
  if (!serving) return "This replica takes no more requests: it is about to end.";
  if (status === "ok") return "Everything answers, and nothing went wrong lately.";
  const parts = [];
  if (away.length > 0) parts.push(`${count(away.length, "part")} ${away.length === 1 ? "does" : "do"} not answer`);
  const wrong = Object.keys(errors).length;
  if (wrong > 0) parts.push(`${count(wrong, "thing")} went wrong in the background`);
  return `It serves, with limits: ${parts.join(", and ")}.`;
}

function Pool({ name, pool }: { name: string; pool: Detailed["pools"][string] }) {
  const whole = pool.answered === pool.members;
  const counts = Object.entries(pool.counts);
  const some = counts.filter(([, value]) => value !== 0);
  return (
    <article class="pool">
      <h3>{spoken(name)}</h3>
      <p class={whole ? "up" : "down"}>
        {whole ? `${count(pool.members, "actor")}, ${pool.members === 1 ? "up" : "all up"}` : `${pool.answered} of ${count(pool.members, "actor")} up`}
      </p>
      <dl>
        {some.map(([what, value]) => (
          <div key={what}>
            <dt>{spoken(what.replace(/_bytes$/, ""))}</dt>
            <dd class="figure">{told(what, value)}</dd>
          </div>
        ))}
      </dl>
      {some.length < counts.length && <p class="quiet">{count(counts.length - some.length, "other count is", "other counts are")} 0</p>}
    </article>
  );
}

/** A value of a status: bytes as such, the rest as it is. */
function told(name: string, value: unknown): string {
  if (typeof value !== "number") return typeof value === "boolean" ? (value ? "yes" : "no") : plain(value);
  if (!/(^|_)bytes(_|$)/.test(name)) return number(value);
  const units = ["B", "kB", "MB", "GB", "TB"];
  let [size, unit] = [value, 0];
  while (size >= 1000 && unit < units.length - 1) [size, unit] = [size / 1000, unit + 1];
  return `${number(size)} ${units[unit]}`;
}
