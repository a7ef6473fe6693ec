-- One payment of ours by a token with PIN, as SQL alone: the same rows read, locked and written, each statement a round
-- trip of its own, in one transaction. Nothing is checked, decrypted, signed or decided. `able` is how many cards
-- there are for it. What must not move on, such as the token's ATC, is written as it was.
\set n random(1, :able)
\set reference random(1, 9000000000000000000)
BEGIN;
INSERT INTO wallet.reference_directory (client_id, network_reference, operation, content_hash, payment_id, at)
VALUES ('pgbench', md5((:reference)::text), 'authorization', sha256(convert_to((:reference)::text, 'UTF8')), uuidv7(),
    now())
ON CONFLICT DO NOTHING RETURNING payment_id \gset
SELECT DISTINCT ON (name) name, figures FROM tokenization.policies WHERE effective_at <= now()
ORDER BY name, version DESC;
SELECT card_id, token_id FROM tokenization.token_directory
WHERE fingerprint = sha256(convert_to((:n)::text, 'UTF8')) \gset
SELECT * FROM tokenization.cards WHERE card_id = :card_id FOR UPDATE \gset card_
SELECT * FROM wallet.accounts WHERE account_id = :card_account_id FOR UPDATE \gset account_
SELECT * FROM tokenization.tokens WHERE card_id = :card_id AND token_id = :token_id \gset token_
SELECT by FROM tokenization.token_suspensions WHERE card_id = :card_id AND token_id = :token_id ORDER BY at;
SELECT * FROM tokenization.plastics WHERE card_id = :card_id AND plastic_id = :card_current_plastic_id;
SELECT * FROM tokenization.requestors WHERE requestor_id = :token_requestor_id;
SELECT key_version FROM tokenization.key_batches WHERE card_id = :card_id AND token_id = :token_id
    AND first_atc <= 7 AND last_atc >= 7 AND expires_at > now();
SELECT version, kek_version, wrapped FROM tokenization.card_keys WHERE card_id = :card_id ORDER BY version DESC LIMIT 1;
SELECT sum(spent_minor) FILTER (WHERE day >= current_date), sum(spent_minor) FILTER (WHERE day >= current_date - 6),
    sum(spent_minor) FILTER (WHERE day >= current_date - 20), sum(spent_minor), sum(payments) FILTER (WHERE day >= current_date),
    sum(cash_minor) FILTER (WHERE day >= current_date), sum(gambling_minor) FILTER (WHERE day >= current_date),
    sum(visa_minor), sum(visa_cash_minor) FILTER (WHERE day >= current_date)
FROM delegation.usage_days WHERE card_id = :card_id AND scope_id = :card_id AND day >= current_date - 29;
INSERT INTO wallet.payments (card_id, payment_id, account_id, client_id, token_id, kind, entry_mode, scheme,
    amount_minor, currency, estimated, merchant, terminal, approved, reason, held_minor, margin_minor, captured_minor,
    reversed_minor, refunded_minor, expired_minor, expires_at, usage_day, counted_as, at)
VALUES (:card_id, :payment_id, :card_account_id, 'pgbench', :token_id, 'purchase', 'wallet', 'dankort',
    8900, 'DKK', false, '{"id": "DK-123", "mcc": "5411", "name": "Netto Vesterbro", "country": "DK"}',
    '{"id": "T1", "unattended": false}', true, 'approved', 8900, 0, 0, 0, 0, 0, now() + interval '7 days',
    current_date, '{}', now());
UPDATE wallet.accounts SET held_minor = held_minor + 8900, balance_minor = balance_minor
WHERE account_id = :card_account_id;
INSERT INTO delegation.usage_days AS day (card_id, scope_id, day, spent_minor, payments, cash_minor, gambling_minor,
    visa_minor, visa_cash_minor)
VALUES (:card_id, :card_id, current_date, 8900, 1, 0, 0, 0, 0)
ON CONFLICT (card_id, scope_id, day) DO UPDATE SET spent_minor = day.spent_minor + excluded.spent_minor,
    payments = day.payments + excluded.payments, cash_minor = day.cash_minor + excluded.cash_minor,
    gambling_minor = day.gambling_minor + excluded.gambling_minor, visa_minor = day.visa_minor + excluded.visa_minor,
    visa_cash_minor = day.visa_cash_minor + excluded.visa_cash_minor;
UPDATE tokenization.tokens SET atc_seen = atc_seen, atc_window = atc_window, payments_without_pin = 0,
    minor_without_pin = 0, pin_tries_left = 3
WHERE card_id = :card_id AND token_id = :token_id;
INSERT INTO tokenization.journal_entries (card_id, seq, event_id, type, at, actor, payload, salt, digest, key_version,
    link)
VALUES (:card_id, :card_journal_count + 1, uuidv7(), 'payment.approved', now(), 'pgbench',
    '{"mcc": "5411", "left": null, "most": 8900, "limit": null, "amount": 8900, "reason": "approved", '
    '"scheme": "dankort", "card_id": "card_01kr00r24zfsmt2m14j59nf27d", "country": "DK", "one_off": null, '
    '"currency": "DKK", "merchant": "Netto Vesterbro", "right_id": null, "token_id": "tok_01m81vrgxfftntmnqfnmvjt8p6", '
    '"holder_id": "holder_01m81vqxp0ebdr3f7vw5tf7w3a", "payment_id": "pay_01m81vrj4he86sne78dtbess3q", '
    '"credential_id": null}',
    substr(sha256(convert_to((:reference)::text, 'UTF8')), 1, 16), sha256(convert_to((:reference)::text, 'UTF8')), 1,
    sha256(convert_to((:reference)::text, 'UTF8')));
UPDATE tokenization.cards SET journal_count = :card_journal_count + 1,
    journal_head = sha256(convert_to((:reference)::text, 'UTF8')),
    journal_seal = sha256(convert_to((:reference)::text, 'UTF8'))
WHERE card_id = :card_id;
UPDATE wallet.reference_directory SET card_id = :card_id, payment_id = :payment_id,
    answer = '{"id": "pay_01m81vrj4he86sne78dtbess3q", "limit": null, "amount": 8900, "reason": "approved", '
    '"scheme": "dankort", "approved": true, "currency": "DKK", "response_code": "00", "remaining_attempts": null}'
WHERE client_id = 'pgbench' AND network_reference = md5((:reference)::text);
COMMIT;
