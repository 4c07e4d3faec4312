"""The web console on the management port, for operators and owners of applications.

Main types: `Portal` (the ASGI application), `PortalParts` (its dependencies). Importing this package is cheap: the
pages and their user-interface library are loaded with the first request of a signed-in person.

People sign in with an admin token or at the configured OpenID Connect issuer, and then have a signed cookie. The pages
call the same services as the control plane and the command line, in threads, never on the event loop.

Example:
    ```
    ControlPlane(parts, portal=Portal(portal_parts))
    ```
"""

from mien.portal.application import Portal
from mien.portal.parts import PortalParts

__all__ = ["Portal", "PortalParts"]
