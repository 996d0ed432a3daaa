-- SPDX-License-Identifier: MIT
-- A CRM of 100,000 rows for the demo: sqlite3 crm.db < tools/demo.sql
-- The same on every machine: what looks random is arithmetic on the row number.
PRAGMA foreign_keys = OFF;
BEGIN;

DROP VIEW IF EXISTS pipeline;
DROP TABLE IF EXISTS activities;
DROP TABLE IF EXISTS opportunities;
DROP TABLE IF EXISTS contacts;
DROP TABLE IF EXISTS accounts;

CREATE TABLE accounts (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    industry TEXT,
    country TEXT NOT NULL,
    website TEXT,
    annual_revenue NUMERIC,
    created_at DATETIME NOT NULL
);

CREATE TABLE contacts (
    id INTEGER PRIMARY KEY,
    account_id INTEGER REFERENCES accounts (id),
    first_name TEXT NOT NULL,
    last_name TEXT NOT NULL,
    email TEXT UNIQUE,
    phone TEXT,
    birthday DATE,
    opted_in BOOLEAN NOT NULL,
    preferences JSON,
    photo BLOB
);

CREATE TABLE opportunities (
    id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    contact_id INTEGER REFERENCES contacts (id),
    title TEXT NOT NULL,
    stage TEXT NOT NULL,
    amount DECIMAL(12,2),
    probability REAL,
    closes_on DATE
);

CREATE TABLE activities (
    id INTEGER PRIMARY KEY,
    contact_id INTEGER NOT NULL REFERENCES contacts (id),
    opportunity_id INTEGER REFERENCES opportunities (id),
    kind TEXT NOT NULL,
    happened_at DATETIME NOT NULL,
    subject TEXT NOT NULL,
    body TEXT
);

-- What rows are made of, each list counted from 0. Temporary, so not part of the CRM.
CREATE TEMP TABLE word (list TEXT, place INTEGER, word TEXT, PRIMARY KEY (list, place))
    WITHOUT ROWID;
INSERT INTO word
SELECT list, key, value
FROM (
    SELECT 'first' AS list, json_array('Åsa', 'Zoë', 'José', 'Łukasz', '美咲', '伟', 'Иван', 'Ольга',
        'Νίκος', 'ليلى', 'יעל', 'प्रिया', '민준', 'Siobhán', 'Ada', 'Noah', 'Chloé', 'Jürgen',
        'สมชาย', 'Thảo') AS words
    UNION ALL
    SELECT 'last', json_array('Lindström', 'O''Brien', 'García Márquez', 'Kowalski', '田中', '王',
        'Петров', 'Παππάς', 'حداد', 'כהן', 'शर्मा', '김', 'Smith', 'van der Berg', 'D''Angelo',
        'Müller', 'Nguyễn', 'Öztürk', 'Fitzgerald "Fitz" Jones', 'Smith, Jr.', 'Þórsdóttir',
        'Brown', 'Kaya')
    UNION ALL
    SELECT 'company', json_array('Northwind', 'Blå Fjord', 'Acme "Rockets"', '東京商事', 'Rios & Filhos',
        'Kühne, Söhne', 'Заря', 'Blue''s Bakery', 'Cobalt', 'Meridian', 'Σίγμα')
    UNION ALL
    SELECT 'form', json_array('Ltd', 'GmbH', 'AB', 'S.A.', 'Inc.', '株式会社', 'LLC')
    UNION ALL
    SELECT 'industry', json_array('Retail', 'Shipping', 'Health care', 'Software', 'Food & drink', 'Energy')
    UNION ALL
    SELECT 'country', json_array('SE', 'DE', 'JP', 'US', 'GB', 'BR', 'GR', 'IE', 'UA')
    UNION ALL
    SELECT 'stage', json_array('prospect', 'qualified', 'proposal', 'negotiation', 'won', 'lost')
    UNION ALL
    SELECT 'product', json_array('licences', 'support', 'training', 'hosting', 'migration')
    UNION ALL
    SELECT 'kind', json_array('call', 'email', 'meeting', 'note')
    UNION ALL
    SELECT 'subject', json_array('First call', 'Re: your offer', 'Demo, with questions', '"Urgent"',
        'Follow-up', 'Renewal', 'Rückfrage', 'お見積り')
    UNION ALL
    SELECT 'body', json_array('Left a message.', 'Wants a quote by Friday, "in writing".',
        'Agreed:
- two days of training
- a pilot in May', 'Asked who else uses it; sent three references.',
        'Will decide after the summer.', '', 'Prefers e-mail. Call only in the mornings.')
), json_each(words);

-- accounts: 4,000
WITH RECURSIVE row (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM row WHERE n < 4000),
    mixed AS (SELECT n, n * 2654435761 % 4294967296 / 16 AS r FROM row)
INSERT INTO accounts
SELECT
    n,
    company.word || ' ' || form.word || ' ' || n,
    CASE WHEN r % 9 = 0 THEN NULL WHEN r % 31 = 0 THEN '' ELSE industry.word END,
    country.word,
    CASE WHEN r % 4 > 0 THEN 'https://account-' || n || '.example/' END,
    CASE WHEN r % 5 > 0 THEN r % 900000 * 100 + 0.25 * (r % 4) END,
    datetime('2019-01-01', '+' || (n * 15) || ' hours', '+' || (r % 3600) || ' seconds')
FROM mixed
JOIN word AS company ON company.list = 'company' AND company.place = r % 11
JOIN word AS form ON form.list = 'form' AND form.place = r / 11 % 7
JOIN word AS industry ON industry.list = 'industry' AND industry.place = r / 77 % 6
JOIN word AS country ON country.list = 'country' AND country.place = r / 7 % 9;

-- contacts: 22,000
WITH RECURSIVE row (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM row WHERE n < 22000),
    mixed AS (SELECT n, n * 2654435761 % 4294967296 / 16 AS r FROM row)
INSERT INTO contacts
SELECT
    n,
    CASE WHEN r % 40 > 0 THEN 1 + r % 4000 END,
    first.word,
    last.word,
    CASE WHEN r % 12 > 0 THEN 'contact.' || n || '@account-' || (1 + r % 4000) || '.example' END,
    CASE WHEN r % 7 = 0 THEN NULL WHEN r % 29 = 0 THEN ''
        ELSE printf('+%d %03d %06d', 30 + r % 60, r % 1000, r / 7 % 1000000) END,
    CASE WHEN r % 3 = 0 THEN date('1950-01-01', '+' || (r % 20000) || ' days') END,
    r % 2,
    CASE r % 6 WHEN 0 THEN '{"channel":"email","language":"sv"}'
        WHEN 1 THEN '{"channel":"phone","hours":[9,12]}' END,
    CASE WHEN r % 50 = 0 THEN pixels END
FROM mixed
JOIN word AS first ON first.list = 'first' AND first.place = r % 20
JOIN word AS last ON last.list = 'last' AND last.place = r / 20 % 23
JOIN (SELECT x'89504e470d0a1a0a0000000d49484452' AS pixels);

-- opportunities: 14,000
WITH RECURSIVE row (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM row WHERE n < 14000),
    mixed AS (SELECT n, n * 2654435761 % 4294967296 / 16 AS r FROM row)
INSERT INTO opportunities
SELECT
    n,
    1 + r % 4000,
    CASE WHEN r % 6 > 0 THEN 1 + r % 22000 END,
    (5 + r % 200) || ' × ' || product.word,
    stage.word,
    CASE WHEN r % 15 > 0 THEN r % 250000 + (r % 100) / 100.0 END,
    CASE WHEN r % 8 > 0 THEN r % 101 / 100.0 END,
    CASE WHEN r % 5 > 0 THEN date('2025-01-01', '+' || (r % 900) || ' days') END
FROM mixed
JOIN word AS product ON product.list = 'product' AND product.place = r / 3 % 5
JOIN word AS stage ON stage.list = 'stage' AND stage.place = r / 13 % 6;

-- activities: 60,000
WITH RECURSIVE row (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM row WHERE n < 60000),
    mixed AS (SELECT n, n * 2654435761 % 4294967296 / 16 AS r FROM row)
INSERT INTO activities
SELECT
    n,
    1 + r % 22000,
    CASE WHEN r % 3 = 0 THEN 1 + r % 14000 END,
    kind.word,
    datetime('2023-01-01', '+' || (n * 25) || ' minutes', '+' || (r % 1500) || ' seconds'),
    subject.word,
    CASE WHEN r % 10 > 0 THEN body.word END
FROM mixed
JOIN word AS kind ON kind.list = 'kind' AND kind.place = r / 5 % 4
JOIN word AS subject ON subject.list = 'subject' AND subject.place = r / 8 % 8
JOIN word AS body ON body.list = 'body' AND body.place = r / 64 % 7;

CREATE INDEX contacts_by_account ON contacts (account_id);
CREATE INDEX opportunities_by_account ON opportunities (account_id);
CREATE INDEX activities_by_contact ON activities (contact_id);

CREATE VIEW pipeline AS
SELECT stage, count(*) AS deals, round(total(amount), 2) AS amount
FROM opportunities
GROUP BY stage;

DROP TABLE word;
COMMIT;
