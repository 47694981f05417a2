/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-timestamp-private.h"

#include <string.h>

#define USEC_PER_DAY (G_GINT64_CONSTANT (86400) * G_USEC_PER_SEC)
#define FIRST_USEC (G_GINT64_CONSTANT (-62167219200) * G_USEC_PER_SEC)   /* 0000-01-01 */
#define LAST_USEC (G_GINT64_CONSTANT (253402300800) * G_USEC_PER_SEC - 1) /* 9999-12-31T23:59:59.999999 */

/* Days since 1970-01-01 of the proleptic Gregorian calendar, by eras of 400 years that begin on
 * 1 March, so that the leap day is the last of its year. */
static gint64
days_from_date (int year, int month, int day)
{
  int shifted_year = month > 2 ? year : year - 1;
  int era = (shifted_year >= 0 ? shifted_year : shifted_year - 399) / 400;
  int year_of_era = shifted_year - era * 400;
  int day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

  return (gint64) era * 146097 + day_of_era - 719468;
}

static void
date_from_days (gint64 days, int *year, int *month, int *day)
{
  gint64 shifted = days + 719468;
  gint64 era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
  int day_of_era = (int) (shifted - era * 146097);
  int year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int shifted_month = (5 * day_of_year + 2) / 153;

  *day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
  *month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
  *year = (int) (year_of_era + era * 400) + (*month <= 2 ? 1 : 0);
}

static inline void
write_two (char *text, int value)
{
  text[0] = (char) ('0' + value / 10);
  text[1] = (char) ('0' + value % 10);
}

void
belfry_timestamp_write (gint64 usec, char text[BELFRY_TIMESTAMP_LENGTH + 1])
{
  gint64 clamped = CLAMP (usec, FIRST_USEC, LAST_USEC);
  gint64 days = clamped / USEC_PER_DAY - (clamped % USEC_PER_DAY < 0 ? 1 : 0);
  gint64 rest = clamped - days * USEC_PER_DAY;
  int seconds = (int) (rest / G_USEC_PER_SEC);
  int fraction = (int) (rest % G_USEC_PER_SEC);
  int year, month, day;

  date_from_days (days, &year, &month, &day);
  memcpy (text, "0000-00-00T00:00:00.000000Z", BELFRY_TIMESTAMP_LENGTH + 1);
  write_two (text, year / 100);
  write_two (text + 2, year % 100);
  write_two (text + 5, month);
  write_two (text + 8, day);
  write_two (text + 11, seconds / 3600);
  write_two (text + 14, seconds / 60 % 60);
  write_two (text + 17, seconds % 60);
  write_two (text + 20, fraction / 10000);
  write_two (text + 22, fraction / 100 % 100);
  write_two (text + 24, fraction % 100);
}

/* What is left to read. */
typedef struct
{
  const char *at;
  const char *end;
} Reader;

static gboolean
read_digits (Reader *reader, guint n_digits, int *value)
{
  int sum = 0;

  if ((gsize) (reader->end - reader->at) < n_digits)
    return FALSE;
  for (guint i = 0; i < n_digits; i++)
    {
      if (!g_ascii_isdigit (reader->at[i]))
        return FALSE;
      sum = sum * 10 + (reader->at[i] - '0');
    }
  reader->at += n_digits;
  *value = sum;
  return TRUE;
}

static gboolean
read_char (Reader *reader, char c)
{
  if (reader->at == reader->end || *reader->at != c)
    return FALSE;
  reader->at++;
  return TRUE;
}

static int
days_of_month (int year, int month)
{
  static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
  gboolean is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

  return days[month - 1] + (month == 2 && is_leap ? 1 : 0);
}

/* 1 = Monday … 7 = Sunday */
static int
weekday_of_days (gint64 days)
{
  return (int) (((days + 3) % 7 + 7) % 7) + 1;
}

static int
weeks_of_year (int year)
{
  int first = weekday_of_days (days_from_date (year, 1, 1));
  gboolean is_leap = days_of_month (year, 2) == 29;

  return first == 4 || (is_leap && first == 3) ? 53 : 52;
}

/* Behind YYYY and its separator, if it has one: Www, Www-D, WwwD. */
static gboolean
read_week_date (Reader *reader, int year, gboolean has_separators, gint64 *days)
{
  gint64 fourth = days_from_date (year, 1, 4); /* always lies in week 1 */
  int week, weekday = 1;

  if (!read_char (reader, 'W') || !read_digits (reader, 2, &week) || week < 1
      || week > weeks_of_year (year))
    return FALSE;
  if (has_separators ? read_char (reader, '-')
                     : reader->at < reader->end && g_ascii_isdigit (*reader->at))
    {
      if (!read_digits (reader, 1, &weekday) || weekday < 1 || weekday > 7)
        return FALSE;
    }
  *days = fourth - (weekday_of_days (fourth) - 1) + (week - 1) * 7 + (weekday - 1);
  return *days >= days_from_date (1, 1, 1) && *days <= days_from_date (9999, 12, 31);
}

static gboolean
read_date (Reader *reader, gint64 *days)
{
  int year, month, day;
  gboolean has_separators;

  if (!read_digits (reader, 4, &year) || year < 1)
    return FALSE;
  has_separators = read_char (reader, '-');
  if (reader->at < reader->end && *reader->at == 'W')
    return read_week_date (reader, year, has_separators, days);
  if (!read_digits (reader, 2, &month) || month < 1 || month > 12
      || (has_separators && !read_char (reader, '-'))
      || !read_digits (reader, 2, &day) || day < 1 || day > days_of_month (year, month))
    return FALSE;
  *days = days_from_date (year, month, day);
  return TRUE;
}

static gboolean
read_fraction (Reader *reader, gint64 *usec)
{
  gint64 scale = G_USEC_PER_SEC / 10;
  const char *first = reader->at;

  for (; reader->at < reader->end && g_ascii_isdigit (*reader->at); reader->at++)
    {
      *usec += (*reader->at - '0') * scale;
      scale /= 10;
    }
  return reader->at > first;
}

/* hh, hh:mm, hhmm, hh:mm:ss, hhmmss, the last two with a fraction */
static gboolean
read_clock (Reader *reader, gint64 *usec)
{
  int hour, minute = 0, second = 0;
  gint64 fraction = 0;
  gboolean has_separators;

  if (!read_digits (reader, 2, &hour) || hour > 23)
    return FALSE;
  has_separators = read_char (reader, ':');
  if (has_separators || (reader->at < reader->end && g_ascii_isdigit (*reader->at)))
    {
      if (!read_digits (reader, 2, &minute) || minute > 59)
        return FALSE;
      if (has_separators ? read_char (reader, ':') : reader->at < reader->end
          && g_ascii_isdigit (*reader->at))
        {
          if (!read_digits (reader, 2, &second) || second > 59)
            return FALSE;
          if ((read_char (reader, '.') || read_char (reader, ','))
              && !read_fraction (reader, &fraction))
            return FALSE;
        }
    }
  *usec = (hour * 3600 + minute * 60 + second) * (gint64) G_USEC_PER_SEC + fraction;
  return TRUE;
}

/* Nothing, Z, or a signed clock under 24 hours. A space stands for a + that was not
 * percent-encoded. */
static gboolean
read_offset (Reader *reader, gint64 *usec)
{
  gboolean is_negative;

  *usec = 0;
  if (reader->at == reader->end || read_char (reader, 'Z') || read_char (reader, 'z'))
    return TRUE;
  is_negative = read_char (reader, '-');
  if (!is_negative && !read_char (reader, '+') && !read_char (reader, ' '))
    return FALSE;
  if (!read_clock (reader, usec))
    return FALSE;
  if (is_negative)
    *usec = -*usec;
  return TRUE;
}

gboolean
belfry_timestamp_parse (const char *text, gssize length, gint64 *usec)
{
  Reader reader = { text, text + (length >= 0 ? (gsize) length : strlen (text)) };
  gint64 days, clock = 0, offset = 0;

  if (!read_date (&reader, &days))
    return FALSE;
  if (reader.at < reader.end)
    {
      if (!read_char (&reader, 'T') && !read_char (&reader, 't') && !read_char (&reader, ' '))
        return FALSE;
      if (!read_clock (&reader, &clock) || !read_offset (&reader, &offset))
        return FALSE;
    }
  if (reader.at != reader.end)
    return FALSE;
  *usec = days * USEC_PER_DAY + clock - offset;
  return TRUE;
}
