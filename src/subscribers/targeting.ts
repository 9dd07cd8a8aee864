import { type RawBuilder, sql } from 'kysely'
import { z } from 'zod'
import type { Platform } from '../database.ts'
import { platformField } from '../events/catalog.ts'
import { requiredText } from '../platform/http/fields.ts'

const maxUserIds = 10_000
const maxTags = 100
const maxPlatforms = 3

/** Who receives a notification. Any other shape is refused, never sent to everybody. */
export const targetingSchema = z
  .discriminatedUnion(
    'type',
    [
      z
        .object({ type: z.literal('all').meta({ description: 'Every active subscriber of the app.' }) })
        .meta({ id: 'AllTargeting', description: 'Everybody.' }),
      z
        .object({
          type: z.literal('user_ids').meta({ description: 'Subscribers by the users they belong to.' }),
          ids: z
            .array(requiredText(255))
            .min(1)
            .max(maxUserIds)
            .meta({ description: '`user_id`s as they were registered; all devices of each user.' }),
        })
        .meta({ id: 'UserIdsTargeting', description: 'All devices of some users.' }),
      z
        .object({
          type: z.literal('tags').meta({ description: 'Subscribers by their tags.' }),
          tags: z.array(requiredText(100)).min(1).max(maxTags).meta({ description: 'The tags.' }),
          match: z
            .enum(['any', 'all'])
            .default('any')
            .meta({ description: '`any`: one of the tags is enough; `all`: a subscriber needs every one.' }),
        })
        .meta({ id: 'TagsTargeting', description: 'Subscribers with some tags.' }),
      z
        .object({
          type: z.literal('platform').meta({ description: 'Subscribers by platform.' }),
          platforms: z.array(platformField).min(1).max(maxPlatforms).meta({ description: 'The platforms.' }),
        })
        .meta({ id: 'PlatformTargeting', description: 'Subscribers on some platforms.' }),
    ],
    {
      error: (issue) =>
        issue.code === 'invalid_union' ? 'must be all, user_ids, tags or platform' : undefined,
    },
  )
  .meta({ id: 'Targeting', description: 'Whom a notification is for.' })

export type Targeting = z.infer<typeof targetingSchema>

/** A condition on rows of `subscribers`. Their index of tags holds only those that have any. */
export function hasTags(tags: readonly string[], match: 'any' | 'all'): RawBuilder<boolean> {
  const operator = match === 'all' ? sql`@>` : sql`&&`
  return sql<boolean>`(tags <> '{}' and tags ${operator} ${sql.val(tags)}::text[])`
}

/** The fields of a subscriber that targeting is about. */
export interface Targetable {
  userId: string | null
  platform: Platform
  tags: readonly string[]
}

/**
 * Whether a subscriber is still one of an audience: a subscription that another user took over must not get what is for
 * the one before. It says what {@link audienceCondition} says.
 *
 * @throws ZodError for targeting that this version cannot read
 */
export function audienceTest(targeting: unknown): (subscriber: Targetable) => boolean {
  const parsed = parseTargeting(targeting)
  switch (parsed.type) {
    case 'all':
      return () => true
    case 'user_ids': {
      const ids = new Set(parsed.ids)
      return ({ userId }) => userId !== null && ids.has(userId)
    }
    case 'tags':
      return ({ tags }) =>
        parsed.match === 'all'
          ? parsed.tags.every((tag) => tags.includes(tag))
          : parsed.tags.some((tag) => tags.includes(tag))
    case 'platform':
      return ({ platform }) => parsed.platforms.includes(platform)
  }
}

function parseTargeting(targeting: unknown): Targeting {
  return targetingSchema.parse(targeting ?? { type: 'all' })
}

/** A condition on rows of `subscribers`; null or undefined targeting means all. */
export function audienceCondition(targeting: unknown): RawBuilder<boolean> {
  const parsed = parseTargeting(targeting)
  switch (parsed.type) {
    case 'all':
      return sql<boolean>`true`
    case 'user_ids':
      return sql<boolean>`user_id = any(${sql.val(parsed.ids)}::text[])`
    case 'tags':
      return hasTags(parsed.tags, parsed.match)
    case 'platform':
      return sql<boolean>`platform = any(${sql.val(parsed.platforms)}::text[])`
  }
}
