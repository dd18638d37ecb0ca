"""ctx.auth: what is known of the caller's token."""

import json


class Jwt:
    """The claims of the caller's token. claims: a dict of all; identity: the Identity that they make."""

    __slots__ = ('claims', 'identity')

    def __init__(self, claims, identity):
        self.claims = claims
        self.identity = identity

    @property
    def subject(self):
        """The claim sub, or None."""
        return self.claims.get('sub')

    @property
    def issuer(self):
        """The claim iss, or None."""
        return self.claims.get('iss')

    @property
    def audience(self):
        """Always a list, as the claim may be one text or several."""
        found = self.claims.get('aud')
        return [] if found is None else [found] if isinstance(found, str) else list(found)


class Auth:
    """Who calls: the server itself (schedules, lifecycle) or somebody with a token."""

    __slots__ = ('is_internal', '_payload', '_sender', '_jwt')

    def __init__(self, payload, is_internal, sender):
        self.is_internal = is_internal
        self._payload = payload
        self._sender = sender
        self._jwt = None

    @property
    def has_jwt(self):
        """Whether the caller has shown a token."""
        return self._payload is not None

    @property
    def jwt(self):
        """The token's claims, or None."""
        if self._jwt is None and self._payload is not None:
            self._jwt = Jwt(json.loads(self._payload), self._sender)
        return self._jwt
