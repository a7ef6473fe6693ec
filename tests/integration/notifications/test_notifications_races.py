import os
from threading import Thread
from uuid import UUID

from sqlalchemy import func, select
from structlog.testing import capture_logs

from notifications import outbox
from notifications.models import Delivery, Message, Update
from notifications.sms import HttpGateway
from tests.integration.notifications.receiver import Receiver
from tests.integration.notifications.street import Street
from tests.integration.notifications.test_notifications_slow import at_work
from tests.integration.notifications.town import Town, until

CARDS = 12
ROUNDS = int(os.environ.get("ROUNDS", "100")) // 10  # `make races`: 300


def test_four_relays_over_shared_shops_and_wallets_lose_nothing_and_repeat_nothing(
    town: Town, receiver: Receiver
) -> None:
    shops = [town.requestor(name=f"Shop {n}") for n in range(3)]
    wallet = town.requestor("wallet", "Lommen")
    town.listen(shops[0], receiver.url)
    cards = [town.card(cpr=f"01017001{n:02}") for n in range(CARDS)]
    for card_id in cards:
        for shop in shops:
            town.on_file(card_id, shop)
        town.token(card_id, wallet)
    town.tell()
    for card_id in cards:
        town.replace(card_id)
    with capture_logs() as logs:
        work_together(town, relays=4)
    assert [entry for entry in logs if entry["log_level"] == "error"] == []
    assert counts(town, shops[0]) == (CARDS * 3, CARDS, CARDS)
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == CARDS


def work_together(town: Town, relays: int) -> None:
    def work() -> None:
        with town.relay() as relay:
            while relay.run_once():
                pass

    threads = [Thread(target=work) for _ in range(relays)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    town.tell()


def counts(town: Town, shop: UUID) -> tuple[int | None, int | None, int | None]:
    """Updates of credentials, messages of replacements, deliveries to the shop that listens."""
    with town.database.reading() as session:
        assert outbox.depth(session).events == 0
        told = select(func.count()).select_from(Update).where(Update.kind == "credential.updated")
        read = select(func.count()).select_from(Message).where(Message.kind == "card.replaced")
        sent = select(func.count()).select_from(Delivery)
        delivered = sent.where(Delivery.requestor_id == shop, Delivery.state == "delivered")
        return session.scalar(told), session.scalar(read), session.scalar(delivered)


def test_a_feeds_numbers_are_without_gap_or_repeat(town: Town) -> None:
    shop = town.requestor()
    cards = [town.card(cpr=f"01017001{n:02}") for n in range(CARDS)]
    for card_id in cards:
        town.on_file(card_id, shop)
        town.replace(card_id)
    work_together(town, relays=4)
    with town.database.reading() as session:
        seqs = session.scalars(select(Update.seq).where(Update.requestor_id == shop).order_by(Update.seq)).all()
    assert seqs == list(range(1, CARDS + 1))


def test_three_relays_at_work_while_cards_are_replaced_again_and_again_end_with_the_truth_at_every_shop(
    town: Town, receiver: Receiver, texts: Receiver
) -> None:
    receiver.seconds = 0.01  # so that there is a backlog, for which more lanes are opened
    with HttpGateway(texts.url) as town.sms_sender:
        street = Street(town, receiver, texts, shops=3, cards=4)
        relays = [town.relay() for _ in range(3)]
        with capture_logs() as logs, relays[0], relays[1], relays[2], at_work(*relays):
            for _ in range(ROUNDS):
                street.replace_all()
            assert until(street.is_quiet, 120)
    assert [entry for entry in logs if entry["log_level"] == "error"] == []
    street.check()
