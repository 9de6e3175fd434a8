import { quote, show } from './quote.ts';

type LogFields = Readonly<Record<string, unknown>>;

/** One line an event. `event` is a fixed text; what varies goes into fields. */
export interface Log {
  error(event: string, fields?: LogFields): void;
  warning(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  debug(event: string, fields?: LogFields): void;
}

const levels = ['error', 'warning', 'info', 'debug'] as const;

export interface LogOptions {
  readonly level: (typeof levels)[number];
  /** Takes one line with its line end. */
  readonly write: (line: string) => void;
  /** Milliseconds since 1970, UTC. */
  readonly epochMs?: () => number;
  /** Fields of every line, before the event's own: which container, which interface. */
  readonly context?: LogFields;
}

const maxValueLength = 2000;

function messageOf(error: Error): string {
  return error.cause instanceof Error ? `${error.message}: ${messageOf(error.cause)}` : error.message;
}

/** Bare if that is unambiguous, else quoted with all controls escaped, so that nobody can forge a line. */
function formatValue(value: unknown): string {
  const text =
    value instanceof Error ? messageOf(value) : typeof value === 'string' ? value : show(value, maxValueLength);
  return /^[\w.:/@%+,-]+$/.test(text) && text.length <= maxValueLength ? text : quote(text, maxValueLength);
}

const formatKey = (key: string): string => key.replace(/[^\w.-]/g, '_');

function formatFields(fields: LogFields): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${formatKey(key)}=${formatValue(value)}`)
    .join('');
}

/**
 * A log that writes `time=… level=… msg="…" key=value` lines of at least `level` (`debug` writes all). A field that is
 * undefined is left out; an Error is written with the messages of its causes. A failing `write` is ignored, because it
 * must not fail an attachment.
 */
export function createLog({ level, write, epochMs = Date.now, context = {} }: LogOptions): Log {
  const at = (own: LogOptions['level']): Log['error'] => {
    if (levels.indexOf(own) > levels.indexOf(level)) return () => undefined;
    return (event, fields = {}) => {
      const time = new Date(epochMs()).toISOString();
      try {
        write(
          `time=${time} level=${own} msg=${quote(event, maxValueLength)}${formatFields({ ...context, ...fields })}\n`,
        );
      } catch {
        // A log that can't be written fails nothing.
      }
    };
  };
  return { error: at('error'), warning: at('warning'), info: at('info'), debug: at('debug') };
}
