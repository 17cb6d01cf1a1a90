import threading

from rtformer_ros.ros.mailbox import Mailbox


def test_newest_item_displaces_the_one_that_waits():
    mailbox = Mailbox[int]()
    assert not mailbox.put(1)
    assert mailbox.put(2)
    assert mailbox.take() == 2
    assert not mailbox.put(3)
    assert mailbox.take() == 3


def test_close_wakes_who_waits_and_forgets_what_is_there():
    mailbox = Mailbox[int]()
    taken: list[int | None] = []
    waiter = threading.Thread(target=lambda: taken.append(mailbox.take()))
    waiter.start()
    mailbox.close()
    waiter.join(10)
    assert taken == [None]
    assert not mailbox.put(1)
    assert mailbox.take() is None


def test_every_item_is_taken_or_displaced():
    mailbox = Mailbox[int]()
    taken: list[int] = []

    def take() -> None:
        while (item := mailbox.take()) is not None:
            taken.append(item)

    taker = threading.Thread(target=take)
    taker.start()
    displaced = sum(mailbox.put(i) for i in range(1, 5001))
    while len(taken) + displaced < 5000:
        pass
    mailbox.close()
    taker.join(10)
    assert taken == sorted(taken)
    assert taken[-1] == 5000
