"""The web console on the management port: what an operator or the owner of an application sees and does.

Main types: `Portal` (the ASGI application), `PortalParts` (its dependencies). Importing this package is cheap: the
pages, and the user-interface library they are made with, are loaded when the first signed-in person comes.

People sign in once with an admin token or at the configured OpenID Connect issuer, and then have a signed cookie.
The pages call the same services as the control plane and the command line, in threads, never in the event loop.

Example:
    ```
    ControlPlane(parts, portal=Portal(portal_parts))
    ```
"""

from mien.portal.door import Portal
from mien.portal.parts import PortalParts

__all__ = ["Portal", "PortalParts"]
