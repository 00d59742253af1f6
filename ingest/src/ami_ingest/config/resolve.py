"""From what is written to what the agent works with: settings inherited, names looked up, secrets read.

Equal parts are made once: ten thousand meters share their schedules, links, networks and policies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, cast

from ami_dlms.client import Authentication
from ami_dlms.security import Protection
from ami_ingest.config.credentials import Credentials, missing_credentials, read_credentials, refuse_readable
from ami_ingest.config.endpoint import Endpoint
from ami_ingest.config.form import (
    FileForm,
    LinkForm,
    MeterForm,
    ScheduleForm,
    Section,
    SettingsForm,
    TlsForm,
)
from ami_ingest.config.mistakes import Mistake, Mistakes
from ami_ingest.config.model import ClockPolicy, LinkProfile, Meter, Network, Profile, Schedule, SignalPolicy, Tls
from ami_ingest.config.yaml_file import Location, nearest
from ami_ingest.errors import ConfigError
from ami_ingest.transport.profiles import BUILT_IN, default_profile

NO_GROUP: Final = "default"
"""The group of meters that state none."""
_NOTHING: Final = Credentials()
_UNBOUND: Final = 100_000
_NESTED: Final = ("clock", "signal")
"""Settings that are mappings, inherited key by key."""
_SPANS: Final = frozenset({"connect_timeout", "request_timeout", "keep_open"})


class Resolver:
    """Makes meters of what is written of them, in the frame of one configuration file."""

    def __init__(self, form: FileForm, folder: Path, wrong: Mistakes) -> None:
        """Look up everything that meters share; what is wrong goes to `wrong`, with the place in the file."""
        self._folder = folder
        self._links = dict(BUILT_IN)
        for name, link in form.links.items():
            with wrong:
                self._links[name] = _link(name, link)
        self._networks = {name: Network(name) for name in form.networks}
        for name, network in form.networks.items():
            with wrong:
                link_profile = self._link_named(network.link or "ethernet", ("networks", name, "link"))
                concurrency = network.concurrency or link_profile.cell_concurrency or _UNBOUND
                self._networks[name] = Network(name, concurrency, network.connections_per_s)
        self._network_links = {name: network.link for name, network in form.networks.items()}
        self._schedules = {name: _schedule(name, schedule) for name, schedule in form.schedules.items()}
        self._defaults = _said(form.defaults)
        self._check(form.defaults, ("defaults",), wrong)
        self._groups: dict[str, dict[str, Any]] = {NO_GROUP: self._defaults}
        for name, group in form.groups.items():
            self._check(group, ("groups", name), wrong)
            self._groups[name] = _over(self._defaults, _said(group))
        self._by_names: dict[tuple[str, ...], tuple[Schedule, ...]] = {}
        self._patient: dict[tuple[str, float | None, int | None], LinkProfile] = {}
        self._clocks: dict[ClockPolicy, ClockPolicy] = {}
        self._signals: dict[SignalPolicy, SignalPolicy] = {}
        self._tls: dict[TlsForm, Tls] = {}
        self._titled: dict[tuple[str | None, bytes | None], Credentials] = {}
        self._key_store = form.key_store is not None
        self.secrets: set[str] = set()
        """The secrets files that were read."""

    @property
    def groups(self) -> frozenset[str]:
        """The groups that a meter may name."""
        return frozenset(self._groups)

    def meter(self, form: MeterForm, wrong: Mistakes) -> Meter:
        """Return a meter with everything its group and the defaults say.

        What is wrong goes to `wrong`, with the meter's own key; the meter is then of no use. Raises Mistake where
        nothing more can be said of it.
        """
        said = _said(form)
        group = form.group or NO_GROUP
        self._check(form, (), wrong)
        if group not in self._groups:
            raise Mistake(("group",), f"'{group}' is no group; {self._meant(group, self._groups, 'groups')}")
        settings = _over(self._groups[group], said)
        authentication = _authentication(settings)
        if "mechanism" in said and "authentication_level" not in said and not authentication.challenges:
            wrong.add(("mechanism",), "a mechanism needs authentication_level: hls; add that or remove this")
        credentials = _NOTHING
        with wrong:
            credentials = self._credentials(form.id, settings, authentication, own="secrets" in said)
        return Meter(
            id=form.id,
            address=form.address,
            group=group,
            client_address=settings.get("client_address", form.client_address),
            logical_device_id=settings.get("logical_device_id", form.logical_device_id),
            physical_device_id=settings.get("physical_device_id"),
            authentication=authentication,
            security_suite=settings.get("security_suite", 0),
            security_policy=_protection(settings),
            dedicated_key=self._dedicated_key(settings, authentication, wrong),
            credentials=credentials,
            system_title=form.system_title,
            push_from=form.push_from,
            zone=settings.get("zone"),
            link=self._link_of(settings, form.address),
            network=self._networks.get(settings.get("network") or ""),
            schedules=self._schedules_of(settings.get("schedules", ())),
            clock=self._clock(settings.get("clock", {})),
            signal=self._signal(settings.get("signal", {})),
            tls=None if settings.get("tls") is None else self.tls(settings["tls"], ("tls",), wrong),
            logical_device_name=form.logical_device_name,
        )

    def tls(self, form: TlsForm, at: Location, wrong: Mistakes) -> Tls:
        """Return an identity; files that are not there go to `wrong`."""
        made = self._tls.get(form)
        if made is None:
            names = ("certificate", "private_key", "trust")
            files = {name: cast("str | None", getattr(form, name)) for name in names}
            paths = {name: None if text is None else self._folder / text for name, text in files.items()}
            before = len(wrong.found)
            for name, path in paths.items():
                if path is not None:
                    with wrong:
                        _readable(path, (*at, name), secret=name == "private_key")
            made = Tls(**paths, server_name=form.server_name)
            if len(wrong.found) == before:
                self._tls[form] = made
        return made

    def _check(self, form: SettingsForm, at: Location, wrong: Mistakes) -> None:
        """Note names of what is not there, and what contradicts itself."""
        if form.link is not None:
            with wrong:
                self._link_named(form.link, (*at, "link"))
        if form.network is not None and form.network not in self._networks:
            meant = self._meant(form.network, self._networks, "networks")
            wrong.add((*at, "network"), f"'{form.network}' is no network; {meant}")
        for number, name in enumerate(form.schedules):
            if name not in self._schedules:
                meant = self._meant(name, self._schedules, "schedules")
                wrong.add((*at, "schedules", number), f"'{name}' is no schedule; {meant}")
        said = form.model_fields_set
        if {"mechanism", "authentication_level"} <= said and form.authentication_level != "hls":
            wrong.add((*at, "mechanism"), "a mechanism needs authentication_level: hls; write that or remove this")

    def _link_named(self, name: str, at: Location) -> LinkProfile:
        found = self._links.get(name)
        if found is None:
            raise Mistake(at, f"'{name}' is no kind of link; {self._meant(name, self._links, 'links')}")
        return found

    @staticmethod
    def _meant(name: str, known: Mapping[str, object], section: str) -> str:
        return nearest(name, list(known), f"add it to `{section}`")

    def _link_of(self, settings: Mapping[str, Any], address: Endpoint) -> LinkProfile:
        name = settings.get("link") or self._network_links.get(settings.get("network") or "")
        if name is None:
            name = default_profile(address).name
        key = (name, settings.get("request_timeout"), settings.get("retries"))
        found = self._patient.get(key)
        if found is None:
            found = self._links.get(name) or default_profile(address)  # a name that is not there has been noted
            _, timeout, retries = key
            if timeout is not None:
                found = replace(found, request_timeout_s=timeout)
            if retries is not None:
                found = replace(found, retries=retries)
            self._patient[key] = found
        return found

    def _schedules_of(self, names: tuple[str, ...]) -> tuple[Schedule, ...]:
        found = self._by_names.get(names)
        if found is None:
            found = self._by_names[names] = tuple(
                self._schedules[name] for name in dict.fromkeys(names) if name in self._schedules
            )
        return found

    def _clock(self, said: Mapping[str, Any]) -> ClockPolicy:
        made = replace(ClockPolicy(), **{f"{key}_s": value for key, value in said.items()})
        return self._clocks.setdefault(made, made)

    def _signal(self, said: Mapping[str, Any]) -> SignalPolicy:
        made = SignalPolicy(**said)
        return self._signals.setdefault(made, made)

    def _credentials(
        self, meter: str, settings: Mapping[str, Any], authentication: Authentication, *, own: bool
    ) -> Credentials:
        """Read the secrets file of a meter that names one itself, or needs one."""
        protection = _protection(settings)
        title = cast("bytes | None", settings.get("client_system_title"))
        pattern = cast("str | None", settings.get("secrets"))
        empty = _NOTHING
        if title is not None:
            empty = self._titled.setdefault((None, title), Credentials(client_system_title=title))
        needed = missing_credentials(authentication, protection, empty)
        path = None if pattern is None or not (own or needed) else str(self._folder / pattern.replace("{id}", meter))
        found = self._titled.get((path, title))
        if found is None:
            found = empty if path is None else self._read(path)
            if found.client_system_title is None and title is not None:
                found = replace(found, client_system_title=title)
            self._titled[path, title] = found
        missing = missing_credentials(authentication, protection, found)
        if missing:
            where = "name one with `secrets`" if path is None else f"add it to {path}"
            if missing == "client_system_title":
                where = "write `client_system_title` among the defaults, or in the secrets file"
            reason = f"{settings.get('authentication_level', 'none')}"
            if authentication.challenges:
                reason += f" with {settings.get('mechanism', 'gmac')}"
            raise Mistake(("authentication_level",), f"'{reason}' needs {missing}; {where}")
        wrong = found.unfit(authentication, settings.get("security_suite", 0))
        if wrong:
            raise Mistake(("security_suite",), f"{wrong}; correct the suite or {path}")
        return found

    def _dedicated_key(self, settings: Mapping[str, Any], authentication: Authentication, wrong: Mistakes) -> bool:
        """Tell whether associations have a key of their own: one that nobody else can read, and normalizers can."""
        if not settings.get("dedicated_key", False):
            return False
        protection = _protection(settings)
        at = ("dedicated_key",)
        if protection is Protection.NONE or (protection is None and not authentication.ciphers):
            wrong.add(
                at, "a dedicated key needs ciphering; write security_policy: authenticated-encrypted, or remove this"
            )
        elif protection is not None and not protection.encrypted:
            wrong.add(
                at, f"with security_policy: {protection.value} the key would travel in clear; encrypt, or remove this"
            )
        if not self._key_store:
            wrong.add(at, "no normalizer could open what a dedicated key protects; write key_store: FILE")
        return True

    def _read(self, path: str) -> Credentials:
        try:
            found = read_credentials(Path(path))
        except ConfigError as error:
            raise Mistake(("secrets",), str(error)) from None
        self.secrets.add(path)
        return found


def _said(form: Section) -> dict[str, Any]:
    """Return what is written, and nothing of what is not."""
    said = {name: getattr(form, name) for name in form.model_fields_set}
    for name in _NESTED:
        if name in said:
            said[name] = _said(said[name])
    return said


def _over(inherited: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """Put what is said over what is inherited."""
    merged = {**inherited, **said}
    for name in _NESTED:
        if name in inherited and name in said:
            merged[name] = {**inherited[name], **said[name]}
    return merged


def _authentication(settings: Mapping[str, Any]) -> Authentication:
    level = settings.get("authentication_level", "none")
    return Authentication(f"hls-{settings.get('mechanism', 'gmac')}" if level == "hls" else level)


def _protection(settings: Mapping[str, Any]) -> Protection | None:
    policy = settings.get("security_policy")
    return None if policy is None else Protection(policy)


def _link(name: str, form: LinkForm) -> LinkProfile:
    if name in BUILT_IN:
        raise Mistake(("links", name), f"'{name}' is built in; give yours another name and write like: {name}")
    said = {
        f"{key}_s" if key in _SPANS else key: value
        for key, value in _said(form).items()
        if key != "like" and value is not None
    }
    return replace(BUILT_IN[form.like], name=name, **said)


def _schedule(name: str, form: ScheduleForm) -> Schedule:
    return Schedule(
        name,
        form.every,
        form.jitter,
        form.deadline,
        form.read,
        tuple(Profile(profile.obis, round(profile.last)) for profile in form.profiles),
        form.active,
    )


def _readable(path: Path, at: Location, *, secret: bool) -> None:
    try:
        with path.open("rb"):
            pass
        if secret:
            refuse_readable(path, "private key")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise Mistake(at, f"{path} cannot be read ({reason}); correct the path") from None
    except ConfigError as error:
        raise Mistake(at, str(error)) from None
