"""What sweeps are called and what they say of themselves: rules of each tenant. Pure.

A tenant says what it wants of a submission: how experiments are called, who may be named as owner,
how much a purpose says, which tags and links there are. A submission that does not comply is refused
with everything at once. The same file says where task ids lead to, and which tiers runs are in.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from governance.name_patterns import NamePattern, UnmatchedPattern
from sweeps.errors import InvalidSweepFile, Problem
from sweeps.run_filters import All, Any, Comparison, Filter, Kind, Not
from sweeps.specs import SweepSpec
from sweeps.tags import Tag, is_web_address


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A regular expression that a text has to fit as a whole, and a text that does."""

    pattern: NamePattern | UnmatchedPattern
    example: str

    def fits(self, text: str) -> bool:
        """Whether `text` has it, as far as anybody can tell."""
        return isinstance(self.pattern, UnmatchedPattern) or self.pattern.fits(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequiredTag:
    """A tag that every sweep has."""

    name: str
    values: Form | None = None  #: None: any value, or none

    @property
    def example(self) -> str:
        """As it is written in a sweep file."""
        return str(Tag(self.name, self.values.example if self.values else ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class NamingRules:
    """What a tenant asks of a submission, and what its runs are called."""

    experiment: Form | None = None
    owner: Form | None = None
    min_purpose: int = 0  #: characters
    needs_expected_outcome: bool = False
    tags: tuple[RequiredTag, ...] = ()
    link: Form | None = None  #: that at least one link has
    tiers: Mapping[str, Filter] = field(default_factory=dict[str, Filter])


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracker:
    """Task ids of one form, and the page of each."""

    pattern: NamePattern
    url: str  #: with ``{id}``

    def url_of(self, task: str) -> str | None:
        """The page of a task; None when its id has another form."""
        if not self.pattern.fits(task):
            return None
        # Slashes are part of ids such as team/repo#12; nothing of it can leave the path.
        return self.url.replace("{id}", quote(task, safe="/"))


@dataclass(frozen=True, slots=True, kw_only=True)
class NamingPolicy:
    """Rules of all tenants."""

    default: NamingRules = field(default_factory=NamingRules)
    tenants: Mapping[str, NamingRules] = field(default_factory=dict[str, NamingRules])
    trackers: tuple[Tracker, ...] = ()  #: the first that fits counts

    def of(self, tenant: str) -> NamingRules:
        """Rules of a tenant."""
        return self.tenants.get(tenant, self.default)

    def url_of(self, target: str) -> str | None:
        """Where a link leads to; None: nobody said, or to where no page should lead."""
        if is_web_address(target):
            return target
        found = (tracker.url_of(target) for tracker in self.trackers)
        url = next((url for url in found if url is not None), None)
        return url if url is not None and is_web_address(url) else None

    def check(
        self, spec: SweepSpec, *, source: str, lines: Mapping[str, int] | None = None
    ) -> None:
        """Raise `InvalidSweepFile`, with all problems at once, unless `spec` complies.

        Args:
            lines: Of the keys of the file, from 1, where there is one.
        """
        problems = naming_problems(self.of(spec.tenant), spec, lines=lines or {})
        if problems:
            raise InvalidSweepFile(source, problems)


def naming_problems(
    rules: NamingRules, spec: SweepSpec, *, lines: Mapping[str, int]
) -> list[Problem]:
    """All that a tenant's rules have against a sweep, in the order of a sweep file."""
    found: list[tuple[str, str, str]] = []
    of_tenant = f"tenant {spec.tenant} asks for"
    for key, form in (("experiment", rules.experiment), ("owner", rules.owner)):
        value: str = getattr(spec, key)
        if form is not None and not form.fits(value):
            message = f"{value!r} is not called as {of_tenant}: {form.pattern.text}"
            found.append((key, message, f"write for example {form.example}"))
    if len(spec.purpose) < rules.min_purpose:
        message = f"{len(spec.purpose)} characters say too little; {of_tenant} {rules.min_purpose}"
        found.append(("purpose", message, "write what you will know afterwards, and what for"))
    if rules.needs_expected_outcome and not spec.expected_outcome:
        hint = "write what you expect, so that you can be surprised"
        found.append(("expected_outcome", f"it is missing, and {of_tenant} it", hint))
    found += [("tags", *problem) for problem in _tag_problems(rules.tags, spec.tags, of_tenant)]
    if rules.link is not None and not any(rules.link.fits(target) for target in spec.links):
        message = f"no link has the form that {of_tenant}: {rules.link.pattern.text}"
        found.append(("links", message, f"add for example links: [{rules.link.example}]"))
    return [
        Problem(path=path, message=message, hint=hint, line=lines.get(path))
        for path, message, hint in found
    ]


def unchecked(rules: NamingRules) -> list[str]:
    """What of a tenant's rules no sweep is held to, in sentences: forms that cannot be matched."""
    forms = [("experiment", rules.experiment), ("owner", rules.owner)]
    forms += [(f"tag {rule.name}", rule.values) for rule in rules.tags]
    forms += [("links", rules.link)]
    return [
        f"{what} was not checked: the policy naming asks for {form.pattern.text!r}, and "
        f"{form.pattern.reason}"
        for what, form in forms
        if form is not None and isinstance(form.pattern, UnmatchedPattern)
    ]


def _tag_problems(
    required: Sequence[RequiredTag], tags: Sequence[Tag], of_tenant: str
) -> Iterable[tuple[str, str]]:
    given = {tag.name: tag.value for tag in tags}
    for rule in required:
        if rule.name not in given:
            yield f"tag {rule.name!r} is missing, and {of_tenant} it", f"add {rule.example}"
        elif rule.values is not None and not rule.values.fits(given[rule.name]):
            message = f"{given[rule.name]!r} is no value of tag {rule.name!r} as {of_tenant}: "
            yield message + rule.values.pattern.text, f"write for example {rule.example}"


def with_tiers(where: Filter, tiers: Mapping[str, Filter]) -> Filter:
    """`where` with each tier as its condition: runs that meet it, and those a person has put in."""
    match where:
        case Not(part):
            return Not(with_tiers(part, tiers))
        case All(parts):
            return All(tuple(with_tiers(part, tiers) for part in parts))
        case Any(parts):
            return Any(tuple(with_tiers(part, tiers) for part in parts))
        case Comparison(Kind.TIER, _, _, str() as name) if name in tiers:
            return Any((where, tiers[name]))
        case Comparison():
            return where


def names_tier(where: Filter) -> bool:
    """Whether a tier is asked for anywhere in it."""
    match where:
        case Not(part):
            return names_tier(part)
        case All(parts) | Any(parts):
            return any(names_tier(part) for part in parts)
        case Comparison(kind):
            return kind is Kind.TIER
