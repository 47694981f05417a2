/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-event-type-registry.h"
#include "belfry-event-type-registry-private.h"

#include <string.h>

#include "belfry-error-private.h"

#define DESCRIPTION_MAX 500 /* characters */
#define GROUP_PREFIX "Event Type "
#define FILE_SUFFIX ".conf"

/**
 * BelfryEventTypeRegistry:
 *
 * The types that events may have, each a name with a description.
 *
 * A registry holds the built-in types from the start. More come from key files
 * ([method@Belfry.EventTypeRegistry.load_directory]) and one by one
 * ([method@Belfry.EventTypeRegistry.register]). Types are never taken away.
 *
 * A registry is used on the context on which it was made.
 *
 * Since: 0.1
 */
struct _BelfryEventTypeRegistry
{
  GObject     parent_instance;

  GHashTable *descriptions;  /* owned name → owned description; home context only */
  char       *described;     /* what describe_names() gave last, or NULL */
  guint       described_max;
};

typedef enum
{
  SIGNAL_REGISTERED,
  N_SIGNALS,
} BelfryEventTypeRegistrySignal;

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (BelfryEventTypeRegistry, belfry_event_type_registry, G_TYPE_OBJECT)

static const char * const built_in_types[][2] = {
  { "quiz_started", "Student started a quiz session" },
  { "quiz_completed", "Student completed/submitted quiz" },
  { "quiz_timeout", "Quiz timer expired" },
  { "answer_submitted", "Student submitted an answer" },
  { "answer_changed", "Student changed their answer" },
  { "question_viewed", "Student viewed a question" },
  { "question_skipped", "Student skipped a question" },
  { "timer_started", "Session timer started" },
  { "timer_tick", "Timer tick (usually every second)" },
  { "timer_warning", "Timer warning threshold reached" },
  { "mastery_updated", "Student mastery level changed" },
  { "learning_gap_detected", "Learning gap identified" },
  { "session_created", "New session created" },
  { "session_ended", "Session ended" },
  { "error_occurred", "Error in system" },
  { "lesson_started", "Learner started a lesson" },
  { "lesson_completed", "Learner completed a lesson" },
  { "lesson_paused", "Learner paused a lesson" },
  { "lesson_resumed", "Learner resumed a lesson" },
  { "assessment_started", "Learner started an assessment" },
  { "assessment_completed", "Learner completed an assessment" },
  { "assessment_submitted", "Learner submitted an assessment" },
  { "progress_updated", "Learner progress changed" },
};

void
belfry_event_type_registry_check_name (const char *name, BelfryEventProblems **problems)
{
  gsize length = strspn (name, "abcdefghijklmnopqrstuvwxyz0123456789_.-");

  if (length < 1 || length > BELFRY_EVENT_TYPE_NAME_MAX || name[length] != '\0')
    belfry_event_problems_add (problems, "name", "string_pattern_mismatch",
                               "Name of an event type must have 1 to %d characters of a-z 0-9 _ . -",
                               BELFRY_EVENT_TYPE_NAME_MAX);
}

void
belfry_event_type_registry_check_description (const char *description, BelfryEventProblems **problems)
{
  if (description[0] == '\0' || !g_utf8_validate (description, -1, NULL)
      || g_utf8_strlen (description, -1) > DESCRIPTION_MAX)
    belfry_event_problems_add (problems, "description", "value_error",
                               "Description of an event type must have 1 to %d characters of UTF-8", DESCRIPTION_MAX);
}

static gboolean
check (const char *name, const char *description, GError **error)
{
  BelfryEventProblems *problems = NULL;
  g_autofree char *message = NULL;

  belfry_event_type_registry_check_name (name, &problems);
  belfry_event_type_registry_check_description (description, &problems);
  if (problems == NULL)
    return TRUE;

  message = g_strdup (((const BelfryProblem *) g_ptr_array_index (problems, 0))->message);
  belfry_error_take_problems (error, BELFRY_ERROR_INVALID_ARGUMENT, message, problems);
  return FALSE;
}

static gboolean
load_group (BelfryEventTypeRegistry *self, GKeyFile *file, const char *group, GError **error)
{
  g_autofree char *description = NULL;

  if (!g_str_has_prefix (group, GROUP_PREFIX))
    {
      g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_INVALID_ARGUMENT,
                   "Group '%s': must be '" GROUP_PREFIX "NAME'", group);
      return FALSE;
    }
  description = g_key_file_get_string (file, group, "Description", error);
  if (description == NULL
      || !belfry_event_type_registry_register (self, group + strlen (GROUP_PREFIX), description,
                                               error))
    {
      g_prefix_error (error, "Group '%s': ", group);
      return FALSE;
    }
  return TRUE;
}

static gboolean
load_file (BelfryEventTypeRegistry *self, const char *path, GError **error)
{
  g_autoptr(GKeyFile) file = g_key_file_new ();
  g_auto(GStrv) groups = NULL;

  if (!g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, error))
    {
      g_prefix_error (error, "File '%s': ", path);
      return FALSE;
    }
  groups = g_key_file_get_groups (file, NULL);
  for (guint i = 0; groups[i] != NULL; i++)
    if (!load_group (self, file, groups[i], error))
      {
        g_prefix_error (error, "File '%s': ", path);
        return FALSE;
      }
  return TRUE;
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char * const *) a, *(const char * const *) b);
}

static void
belfry_event_type_registry_finalize (GObject *object)
{
  BelfryEventTypeRegistry *self = BELFRY_EVENT_TYPE_REGISTRY (object);

  g_hash_table_unref (self->descriptions);
  g_free (self->described);

  G_OBJECT_CLASS (belfry_event_type_registry_parent_class)->finalize (object);
}

static void
belfry_event_type_registry_class_init (BelfryEventTypeRegistryClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = belfry_event_type_registry_finalize;

  /**
   * BelfryEventTypeRegistry::registered:
   * @self: the registry
   * @name: the name of the type
   *
   * A type was registered, or a known one has got another description. Emitted on the registry's
   * context.
   *
   * Since: 0.1
   */
  signals[SIGNAL_REGISTERED] =
    g_signal_new ("registered", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                  G_TYPE_NONE, 1, G_TYPE_STRING);
}

static void
belfry_event_type_registry_init (BelfryEventTypeRegistry *self)
{
  self->descriptions = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  for (guint i = 0; i < G_N_ELEMENTS (built_in_types); i++)
    g_hash_table_insert (self->descriptions, g_strdup (built_in_types[i][0]),
                         g_strdup (built_in_types[i][1]));
}

/**
 * belfry_event_type_registry_new:
 *
 * Makes a registry with the built-in types.
 *
 * Returns: (transfer full): a new registry
 *
 * Since: 0.1
 */
BelfryEventTypeRegistry *
belfry_event_type_registry_new (void)
{
  return g_object_new (BELFRY_TYPE_EVENT_TYPE_REGISTRY, NULL);
}

/**
 * belfry_event_type_registry_register:
 * @self: a registry
 * @name: 1 to 50 characters of `a-z 0-9 _ . -`
 * @description: 1 to 500 characters
 * @error: return location for a [error@Belfry.Error]
 *
 * Adds a type. A known name gets the new description.
 *
 * Returns: %TRUE if the registry now has it; %FALSE with %BELFRY_ERROR_INVALID_ARGUMENT when @name
 *   or @description is malformed, or with %BELFRY_ERROR_CAPACITY when the registry already holds
 *   10,000 types
 *
 * Since: 0.1
 */
gboolean
belfry_event_type_registry_register (BelfryEventTypeRegistry  *self,
                                     const char               *name,
                                     const char               *description,
                                     GError                  **error)
{
  g_return_val_if_fail (BELFRY_IS_EVENT_TYPE_REGISTRY (self), FALSE);
  g_return_val_if_fail (name != NULL, FALSE);
  g_return_val_if_fail (description != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (!check (name, description, error))
    return FALSE;
  if (g_strcmp0 (g_hash_table_lookup (self->descriptions, name), description) == 0)
    return TRUE;
  if (!g_hash_table_contains (self->descriptions, name)
      && g_hash_table_size (self->descriptions) >= BELFRY_EVENT_TYPES_MAX)
    {
      g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_CAPACITY,
                   "Registry already holds %d event types", BELFRY_EVENT_TYPES_MAX);
      return FALSE;
    }
  /* insert() keeps the old key: names that lookup() gave away stay alive. */
  g_clear_pointer (&self->described, g_free);
  g_hash_table_insert (self->descriptions, g_strdup (name), g_strdup (description));
  g_signal_emit (self, signals[SIGNAL_REGISTERED], 0, name);
  return TRUE;
}

/**
 * belfry_event_type_registry_load_directory:
 * @self: a registry
 * @path: (type filename): a directory
 * @error: return location for an error
 *
 * Registers the types of the key files `*.conf` of a directory, in the order of their names. Each
 * group `[Event Type NAME]` has a key `Description`. A directory that does not exist holds no
 * types. What was registered before a bad file stays.
 *
 * Returns: %TRUE if all was read; %FALSE with an error that names file and group
 *
 * Since: 0.1
 */
gboolean
belfry_event_type_registry_load_directory (BelfryEventTypeRegistry *self, const char *path,
                                           GError **error)
{
  g_autoptr(GDir) directory = NULL;
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr(GError) local_error = NULL;
  const char *name;

  g_return_val_if_fail (BELFRY_IS_EVENT_TYPE_REGISTRY (self), FALSE);
  g_return_val_if_fail (path != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  directory = g_dir_open (path, 0, &local_error);
  if (directory == NULL)
    {
      if (g_error_matches (local_error, G_FILE_ERROR, G_FILE_ERROR_NOENT))
        return TRUE;
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  while ((name = g_dir_read_name (directory)) != NULL)
    if (g_str_has_suffix (name, FILE_SUFFIX))
      g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, compare_names);
  for (guint i = 0; i < names->len; i++)
    {
      g_autofree char *file = g_build_filename (path, g_ptr_array_index (names, i), NULL);

      if (!load_file (self, file, error))
        return FALSE;
    }
  return TRUE;
}

/**
 * belfry_event_type_registry_contains:
 * @self: a registry
 * @name: a name
 *
 * Tells whether a type of that name is registered.
 *
 * Returns: %TRUE if it is
 *
 * Since: 0.1
 */
gboolean
belfry_event_type_registry_contains (BelfryEventTypeRegistry *self, const char *name)
{
  g_return_val_if_fail (BELFRY_IS_EVENT_TYPE_REGISTRY (self), FALSE);
  g_return_val_if_fail (name != NULL, FALSE);

  return g_hash_table_contains (self->descriptions, name);
}

/**
 * belfry_event_type_registry_get_description:
 * @self: a registry
 * @name: a name
 *
 * Gets the description of a type, valid until the type is registered again.
 *
 * Returns: (transfer none) (nullable): the description, or %NULL when no such type is registered
 *
 * Since: 0.1
 */
const char *
belfry_event_type_registry_get_description (BelfryEventTypeRegistry *self, const char *name)
{
  g_return_val_if_fail (BELFRY_IS_EVENT_TYPE_REGISTRY (self), NULL);
  g_return_val_if_fail (name != NULL, NULL);

  return g_hash_table_lookup (self->descriptions, name);
}

/**
 * belfry_event_type_registry_list_names:
 * @self: a registry
 *
 * Lists the names of all types.
 *
 * Returns: (transfer full) (array zero-terminated=1): the names, sorted
 *
 * Since: 0.1
 */
char **
belfry_event_type_registry_list_names (BelfryEventTypeRegistry *self)
{
  g_autoptr(GPtrArray) names = NULL;
  GHashTableIter iter;
  gpointer name;

  g_return_val_if_fail (BELFRY_IS_EVENT_TYPE_REGISTRY (self), NULL);

  names = g_ptr_array_new_full (g_hash_table_size (self->descriptions) + 1, NULL);
  g_hash_table_iter_init (&iter, self->descriptions);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, compare_names);
  g_ptr_array_add (names, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&names), FALSE);
}

/**
 * belfry_event_type_registry_get_n_types:
 * @self: a registry
 *
 * Counts the types.
 *
 * Returns: how many types are registered
 *
 * Since: 0.1
 */
guint
belfry_event_type_registry_get_n_types (BelfryEventTypeRegistry *self)
{
  g_return_val_if_fail (BELFRY_IS_EVENT_TYPE_REGISTRY (self), 0);

  return g_hash_table_size (self->descriptions);
}

const char *
belfry_event_type_registry_lookup (BelfryEventTypeRegistry *self, const char *name, gsize length)
{
  char terminated[BELFRY_EVENT_TYPE_NAME_MAX + 1];
  gpointer found = NULL;

  if (length == 0 || length > BELFRY_EVENT_TYPE_NAME_MAX || memchr (name, '\0', length) != NULL)
    return NULL;
  memcpy (terminated, name, length);
  terminated[length] = '\0';
  return g_hash_table_lookup_extended (self->descriptions, terminated, &found, NULL) ? found : NULL;
}

static char *
describe_names (BelfryEventTypeRegistry *self, guint max)
{
  g_auto(GStrv) names = belfry_event_type_registry_list_names (self);
  g_autoptr(GString) text = g_string_new (NULL);

  for (guint i = 0; names[i] != NULL && i < max; i++)
    {
      if (i > 0)
        g_string_append (text, ", ");
      g_string_append (text, names[i]);
    }
  if (g_strv_length (names) > max)
    g_string_append_printf (text, " … and %u more", g_strv_length (names) - max);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

const char *
belfry_event_type_registry_describe_names (BelfryEventTypeRegistry *self, guint max)
{
  if (self->described == NULL || self->described_max != max)
    {
      g_free (self->described);
      self->described = describe_names (self, max);
      self->described_max = max;
    }
  return self->described;
}
