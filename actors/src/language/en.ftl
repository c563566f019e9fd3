# Texts of the shop; the ids are the same in every language.

# The way around
nav = Pages
nav-language = Language
nav-store = Store
nav-payments = Payments
nav-unknown = Unknown
nav-outbox = Outbox
skip-to-content = Skip to content
connection-lost = The connection to the store is lost, trying again…
pages = Pages

# The store
counters = Counters
counter = Counter
counter-ready = Ready
counter-busy = Busy
counter-closed = Can't take money
journal-stopped = Storage has failed and payments are stopped: call support
money-today = Money today
taken = Taken
refunds = Refunds
unknown = Unknown
nothing-unknown = Nothing is unknown
unsent = Not confirmed by the head office
nothing-unsent = The head office holds everything
oldest = oldest { $age } old
offline-exposure = Accepted offline
offline-of = of { $total }
offline-closed = Closed: { $why }
links = Links
link-up = Up
link-down = Down: take cash or another way of paying
clock-off = This machine's clock is off by { $seconds } s: set it
head-office = Head office
outbox-online = Up
outbox-draining = Catching up
outbox-slow = Confirmations are late
outbox-stuck = Stuck, the connection is being made anew
outbox-offline = Down: records are kept here and sent when it is back
outbox-none = No head office yet
devices = Devices
device = Device
device-terminal = Terminal
device-scanner = Scanner
device-nfc = Card reader
device-ready = Ready
device-starting = Starting
device-absent = Not connected
device-mute = Does not answer
device-babbling = Talks nonsense
device-quarantined = Failed too often, tried again slowly
state = State
last-word = Last word
ago = { $age } ago
restarts = Restarts
line = Line

# Ages and counts
seconds = { $count } s
minutes = { $count } min
hours = { $count } h
days = { $count } d

# The counter
amount = Amount
reference = Reference
tender = Tender
tender-customer-code = Scan the customer's code
tender-merchant-qr = Show a QR
tender-card = Card
tender-any = Any way
take-picture = Take a picture of the code
cancel = Cancel
next-customer = Next customer
story = Details
welcome = Welcome
qr-alt = QR to pay by
time-left = Time left
speech-approved = Approved, { $money }
advice-declined = No money was taken. Ask for another way of paying.
advice-unknown = Do not take it again: the store keeps asking, and undoes it if nobody can tell.
advice-reversing = It is being undone. If money was taken, it is given back by itself.
advice-reversed = It is undone and no money was kept. You can take it again.
advice-offline = The network is down: accepted within the limit and charged later. Hand over the goods.
advice-verifying = Ask the customer to confirm on the phone.
advice-refused-later = The bank refused it later and no money came: tell the manager.

# Payments
payment = Payment
time = Time
number = No.
day = Day
all = All
search = Search
search-text = Reference or payment id
no-payments = No payments
older = Older
day-before = The day before
payment-id = Payment id
acquirer = Acquirer
acquirer-ref = Acquirer's number
card-number = Card
refund-amount = Amount to refund
refund-reason = Reason
refund = Refund
what-happened = What happened
slip = Slip
step-opened = Begun
step-submitted = Submitted
step-charge = Asked to charge
step-query = Asked for the outcome
step-reverse = Asked to undo
step-refund = Asked to refund
step-refunded = Refunded
step-refund-refused = Refund refused
no-answer-yet = No answer yet
state-opened = Begun
state-collecting = Waiting for the customer
state-submitted = Processing
state-verifying = Customer confirming
state-unknown = Unknown
state-reversing = Being undone
state-approved = Approved
state-declined = Declined
state-cancelled = Cancelled
state-reversed = Undone
state-approved-offline = Accepted offline
state-confirmed = Approved, charged later
state-refused-later = Refused later

# What nobody knows yet
unknown-explained = The store asks by itself and undoes what nobody can tell. Nothing here can be forced.
age = Age
in-doubt = In doubt
what-next = Next
asked-so-far = Asked so far
last-answer = Last answer
asked = { $queries } questions, { $reversals } reversals
doubt-outcome = whether it went through
doubt-late = money that came after the end
doubt-refund = whether the refund went through
doubt-twice = whether it was paid twice
doubt-offline = whether the card will be charged
next-wait-customer = wait for the customer
next-wait-acquirer = wait for the answer
next-ask = ask again
next-reverse = undo it
next-refund = pay it back
next-wait-replacement = wait for the other payment
next-forward = charge it when the way is free

# The outbox
records = Records
record = Record
confirmed-by-head-office = Held by the head office
rebuilds = Connections made anew
parked = Parked records
nothing-parked = Nothing is parked
parked-explained = These could not be sent as they are; everything else flows.
why = Why

# Counts
unknown-count = { $count ->
    [one] { $count } payment has no outcome yet
   *[other] { $count } payments have no outcome yet
}
payments-count = { $count ->
    [one] { $count } payment
   *[other] { $count } payments
}
parked-count = { $count ->
    [one] { $count } record is parked
   *[other] { $count } records are parked
}
