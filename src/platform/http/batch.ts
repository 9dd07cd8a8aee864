import type { FastifyBaseLogger } from 'fastify'
import { z } from 'zod'
import { isRowError } from '../db/database-errors.ts'
import { ApiError, refusals } from '../errors.ts'
import { toDetails } from './validation-details.ts'

/** Body limit of a batch: 1,000 registrations of 8 KiB. */
export const batchBodyLimitBytes = 8 * 1_048_576

/** A row as parsed by its schema, or its refusal. */
export type GivenRow<Row> = Row | ApiError

/** The rows of a batch, 1 to `maxRows`. An invalid row does not refuse the batch: its refusal takes its place. */
export function rowsField<Row extends z.ZodType>(row: Row, maxRows: number) {
  // The JSON Schema generator calls this without a context.
  const refuse = (context?: { error: { issues: z.core.$ZodIssue[] } }) =>
    context && (toRefusal(context.error.issues) as never)
  const rows = z
    .array(row.catch(refuse as never))
    .min(1)
    .max(maxRows)
  // The rows are counted before any of them is validated.
  const counted = z.preprocess((value, context) => {
    if (Array.isArray(value) && value.length > maxRows) {
      context.addIssue({ code: 'custom', message: `must have at most ${maxRows} entries` })
    }
    return value
  }, rows)
  return counted as unknown as z.ZodType<GivenRow<z.output<Row>>[], z.input<Row>[]>
}

function toRefusal(issues: readonly z.core.$ZodIssue[]): ApiError {
  if (issues.some(({ path }) => path.length === 0)) return refusals.malformedBody('Must be a JSON object')
  return refusals.invalid(toDetails(issues.map(({ path, message }) => ({ field: path.join('.'), message }))))
}

/** Runs `work` for the rows that are valid so far. @returns a result for each row, in their order */
export async function withGoodRows<Row, Result>(
  rows: readonly Row[],
  work: (good: Exclude<Row, Error>[]) => Promise<(Result | Error)[]>,
): Promise<(Result | Error)[]> {
  const good = rows.filter((row) => !(row instanceof Error)) as Exclude<Row, Error>[]
  const results = (await work(good)).values()
  return rows.map((row) => (row instanceof Error ? row : results.next().value!))
}

/** Checks each row that is valid so far. @returns for each row what `check` returns, or its refusal */
export function checkRows<Row, Checked>(
  rows: readonly Row[],
  check: (row: Exclude<Row, Error>) => Checked | Promise<Checked>,
): Promise<(Checked | Error)[]> {
  const checkOne = async (row: Exclude<Row, Error>) => check(row)
  return withGoodRows(rows, (good) =>
    Promise.all(
      good.map((row) =>
        checkOne(row).catch((error: unknown) => {
          if (error instanceof ApiError) return error
          throw error
        }),
      ),
    ),
  )
}

/**
 * A row of a batch's response: the response that a request for this row alone would have got.
 *
 * @throws an error that is not about the row alone
 */
export function presentRow<Data>(
  result: { status: number; data: Data } | Error,
  log: FastifyBaseLogger,
): { status: number; data?: Data; error?: string; details?: Record<string, string[]> } {
  if (!(result instanceof Error)) return result
  if (result instanceof ApiError) {
    const { status, error, details } = result.shape
    return { status, error, ...(details && { details }) }
  }
  if (!isRowError(result)) throw result
  log.error({ err: result }, 'batch.row_failed')
  return { status: 500, error: 'Internal server error' }
}
