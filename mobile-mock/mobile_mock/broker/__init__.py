"""A mock MitID broker: an OpenID provider after the Danish ones (Nets eID, Signaturgruppen), with made-up people."""

from mobile_mock.broker.app import broker_of, create_broker
from mobile_mock.broker.provider import FAILURES, Broker, Quirks
from mobile_mock.broker.registry import BrokerConfig, Client, ConfigurationError, Person
from mobile_mock.broker.serving import running

__all__ = [
    "FAILURES",
    "Broker",
    "BrokerConfig",
    "Client",
    "ConfigurationError",
    "Person",
    "Quirks",
    "broker_of",
    "create_broker",
    "running",
]
