"""Which backups restic's `forget` keeps, written from its documentation (doc/060_forget.rst) and compared with restic itself:
an oracle for `litekeep prune` that shares no code with it."""
import datetime
import zoneinfo


def spans(moment):
    week = moment.isocalendar()
    return {"hourly": (moment.year, moment.month, moment.day, moment.hour), "daily": (moment.year, moment.month, moment.day),
            "weekly": (week[0], week[1]), "monthly": (moment.year, moment.month), "yearly": moment.year}


def kept(times, policy, zone="Europe/Berlin", tags=None, oldest=True):
    """`times`: aware, in UTC. `policy`: last, hourly, daily, weekly, monthly, yearly: counts; within: a timedelta; tag: a list. `tags`: {time: tags}.
    `oldest`: while a count is not used up the oldest is kept too, as restic documents it (old versions of it, such as 0.14, do not).
    The set of times that are kept."""
    newest_first = sorted(times, reverse=True)
    keep = set()
    for what in ("last", "hourly", "daily", "weekly", "monthly", "yearly"):
        left, before = policy.get(what, 0), None
        for number, time in enumerate(newest_first):
            if left == 0:
                break
            local = time.astimezone(zoneinfo.ZoneInfo(zone))
            span = number if what == "last" else spans(local)[what]
            if span != before or (oldest and number == len(newest_first) - 1):
                keep.add(time)
                left -= 1
            before = span
    if "within" in policy and newest_first:
        keep |= {time for time in times if time > newest_first[0] - policy["within"]}
    if "tag" in policy:
        keep |= {time for time in times if set(policy["tag"]) & set((tags or {}).get(time, ()))}
    return keep


def moment(backup):
    """The time that a backup's id says."""
    return datetime.datetime.strptime(backup[:18], "%Y-%m-%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
