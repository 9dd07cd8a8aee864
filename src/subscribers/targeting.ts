import { type RawBuilder, sql } from 'kysely'
import { z } from 'zod'
import { requiredText } from '../platform/http/fields.ts'

const maxUserIds = 10_000
const maxTags = 100
const maxPlatforms = 3

/** Whom a notification is for. A shape that is none of these is refused, never sent to everybody. */
export const targetingSchema = z.discriminatedUnion(
  'type',
  [
    z.object({ type: z.literal('all') }),
    z.object({ type: z.literal('user_ids'), ids: z.array(requiredText(255)).min(1).max(maxUserIds) }),
    z.object({
      type: z.literal('tags'),
      tags: z.array(requiredText(100)).min(1).max(maxTags),
      match: z.enum(['any', 'all']).default('any'),
    }),
    z.object({
      type: z.literal('platform'),
      platforms: z
        .array(z.enum(['web', 'ios', 'android']))
        .min(1)
        .max(maxPlatforms),
    }),
  ],
  {
    error: (issue) =>
      issue.code === 'invalid_union' ? 'must be all, user_ids, tags or platform' : undefined,
  },
)

export type Targeting = z.infer<typeof targetingSchema>

/** A condition on rows of `subscribers`; null or undefined targeting means all. */
export function audienceCondition(targeting: unknown): RawBuilder<boolean> {
  const parsed = targetingSchema.parse(targeting ?? { type: 'all' })
  switch (parsed.type) {
    case 'all':
      return sql<boolean>`true`
    case 'user_ids':
      return sql<boolean>`user_id = any(${sql.val(parsed.ids)}::text[])`
    case 'tags':
      return parsed.match === 'all'
        ? sql<boolean>`tags @> ${sql.val(parsed.tags)}::text[]`
        : sql<boolean>`tags && ${sql.val(parsed.tags)}::text[]`
    case 'platform':
      return sql<boolean>`platform = any(${sql.val(parsed.platforms)}::text[])`
  }
}
