"""A connection to an MQTT broker in its own thread with an event loop; publishing waits for the confirmation."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import structlog

PAUSE: Final = 2.0
_log = structlog.get_logger(__name__)


class BrokerError(Exception):
    """A message was not confirmed by the broker; the text has no password."""


@dataclass(frozen=True, slots=True)
class MqttMessage:
    """A message to publish.

    Attributes:
        topic: the topic.
        payload: the message.
        retain: whether the broker keeps it for subscribers to come.
    """

    topic: str
    payload: str
    retain: bool = False


class Broker:
    """A broker; the connection is kept open and restored whenever it is lost.

    Args:
        url: `mqtt://user:password@host:1883` or `mqtts://…:8883`.
        will: message that the broker publishes when this process disconnects.
        greeting: returns the messages to publish after each connection.
        ca_file: PEM file of certificate authorities to trust instead of the system's.
    """

    def __init__(
        self,
        url: str,
        *,
        will: MqttMessage | None = None,
        greeting: Callable[[], Sequence[MqttMessage]] = list,
        ca_file: str | None = None,
    ) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "localhost", parts.port
        self._secure = parts.scheme == "mqtts"
        self._login = (unquote(parts.username) if parts.username else None, parts.password)
        self._will = will
        self._greeting = greeting
        self._ca_file = ca_file
        self._listeners: list[tuple[str, Callable[[str, bytes], object]]] = []
        self.connections = 0
        """How many connections there have been."""
        self._client: Any = None
        self._connected = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._main: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="mien-mqtt", daemon=True)

    def start(self) -> None:
        """Start to connect."""
        self._thread.start()

    def stop(self) -> None:
        """Disconnect and end the thread."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._cancel)
            self._thread.join()
        if not self._loop.is_closed():
            self._loop.close()

    def wait(self, seconds: float) -> bool:
        """Wait until it is connected; return whether it is."""
        return self._connected.wait(seconds)

    def listen(self, topics: str, heard: Callable[[str, bytes], object]) -> None:
        """Call a function with the topic and payload of each message that the broker retains, after each connection.

        Args:
            topics: filter of topics, such as `mien/door/+/owner`.
            heard: called in the thread of this connection: it must neither wait nor raise.
        """
        self._listeners.append((topics, heard))
        if (client := self._client) is not None:
            asyncio.run_coroutine_threadsafe(client.subscribe(topics, qos=1), self._loop)

    def publish(self, message: MqttMessage, seconds: float) -> None:
        """Publish with quality of service 1, and wait for the confirmation. Nothing is queued for later.

        Raises:
            BrokerError: there is no connection, or the broker did not confirm in time.
        """
        client = self._client
        if client is None or not self._connected.is_set():
            raise BrokerError("the MQTT broker is not connected")
        if seconds <= 0:
            raise BrokerError("it was too late to publish")
        future = asyncio.run_coroutine_threadsafe(self._publish(client, message, seconds), self._loop)
        try:
            future.result(seconds + 1)
        except FutureTimeoutError:
            future.cancel()
            raise BrokerError("the MQTT broker did not confirm in time") from None

    async def _publish(self, client: Any, message: MqttMessage, seconds: float) -> None:
        from aiomqtt import MqttError  # noqa: PLC0415  of the extra mien[video]

        try:
            await client.publish(message.topic, message.payload.encode(), qos=1, retain=message.retain, timeout=seconds)
        except MqttError as error:
            raise BrokerError(f"the MQTT broker did not confirm: {type(error).__name__}") from None

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._main = self._loop.create_task(self._keep())
        try:
            self._loop.run_until_complete(self._main)
        except asyncio.CancelledError:
            return

    def _cancel(self) -> None:
        if self._main is not None:
            self._main.cancel()

    async def _keep(self) -> None:
        from aiomqtt import Client, MqttError, TLSParameters, Will  # noqa: PLC0415  of the extra mien[video]

        will = self._will and Will(self._will.topic, self._will.payload.encode(), qos=1, retain=self._will.retain)
        said = False
        while True:
            try:
                async with Client(
                    self._host,
                    self._port or (8883 if self._secure else 1883),
                    username=self._login[0],
                    password=unquote(self._login[1]) if self._login[1] else None,
                    will=will or None,
                    tls_params=TLSParameters(ca_certs=self._ca_file) if self._secure else None,
                    keepalive=10,
                ) as client:
                    for message in await asyncio.to_thread(self._greeting):
                        await self._publish(client, message, 10)
                    self._client, said = client, False
                    for topics, _ in self._listeners:
                        await client.subscribe(topics, qos=1)
                    self.connections += 1
                    self._connected.set()
                    async for kept in client.messages:  # ends with the connection
                        for topics, heard in self._listeners:
                            if kept.retain and kept.payload and kept.topic.matches(topics):
                                heard(str(kept.topic), kept.payload)
            except (MqttError, BrokerError, OSError) as error:
                if not said:
                    _log.warning("the MQTT broker is not connected", host=self._host, reason=type(error).__name__)
                said = True
            finally:
                self._connected.clear()
                self._client = None
            await asyncio.sleep(PAUSE)
