package config

import "time"

// Config is the effective configuration: the defaults with the file laid over
// them. It is a value to read; nobody changes it after [Parse].
//
// The tags are the whole description of a field: json names it in the file,
// need says that it cannot be left out (and what to write), range bounds a
// number, a duration, the length of a text or the entries of a list, and
// jsonschema is the sentence an editor shows.
type Config struct {
	Clinic     Clinic                       `json:"clinic" need:"start the file with clinic: and its name, timezone, hours, phone and languages" jsonschema:"Who the clinic is and when it is open."`
	Listen     Listen                       `json:"listen" need:"add listen: with public_url, the address the carrier calls" jsonschema:"Where the gateway listens, and how the world reaches it."`
	Data       string                       `json:"data" range:"1..1024" jsonschema:"The data folder: one database, media and keys. A relative path is taken from the folder of this file."`
	Keys       Keys                         `json:"keys" jsonschema:"Where the keys that seal patient words are kept."`
	Channels   map[ChannelID]Channel        `json:"channels" need:"add channels: with at least one channel and its type" range:"1..32" jsonschema:"The ways in and out. The name is yours; the type chooses the adapter, which checks the rest."`
	Staff      []Person                     `json:"staff" need:"add staff: with at least one person who can be paged" range:"1..500" jsonschema:"The people who can be paged, answer patients or read the record."`
	Escalation Escalation                   `json:"escalation" need:"add escalation: with steps, all_hands and admins" jsonschema:"Who is paged, in which order, and how long the gateway waits for them."`
	Console    Console                      `json:"console" jsonschema:"The staff's pages on the private listener."`
	Agent      Agent                        `json:"agent" jsonschema:"The agent that answers routine questions."`
	Calendar   Calendar                     `json:"calendar" jsonschema:"Where the agent looks up openings and books them. Left out, it books nothing."`
	Screen     Screen                       `json:"screen" jsonschema:"The screen that finds emergencies without a model."`
	Texts      map[Language]map[string]Text `json:"texts" jsonschema:"Your own wording of the built-in patient texts, by language and name."`
	Backfill   Backfill                     `json:"backfill" jsonschema:"Fetching what a carrier took in but could not deliver."`
	Limits     Limits                       `json:"limits" jsonschema:"How much model work patients can set in motion. Over a limit a message is still stored and screened; only its model work waits."`
	Sender     Sender                       `json:"sender" jsonschema:"How fast a number of yours may send."`
	Audit      Audit                        `json:"audit,omitzero" jsonschema:"What proves the record to somebody who does not trust this machine."`
	Erase      Erase                        `json:"erase,omitzero" jsonschema:"How what somebody asked to be erased is erased."`
	Retention  Retention                    `json:"retention,omitzero" jsonschema:"How long what was said is kept."`
	Telemetry  Telemetry                    `json:"telemetry,omitzero" jsonschema:"Telling an OpenTelemetry collector what the agent's questions cost and how they went, without anybody's words. Left out, nobody is told."`
	Log        Log                          `json:"log" jsonschema:"What the gateway writes about itself. Patient words are never in it."`

	text  []byte
	file  string
	dir   string
	lines positions
}

// Clinic says who the clinic is. Its emergency and crisis numbers go into the
// texts a patient in danger receives.
type Clinic struct {
	Name      string     `json:"name" need:"write the name patients know" range:"1..100" jsonschema:"The name patients know. It is spoken and texted to them."`
	Timezone  Timezone   `json:"timezone" need:"write a zone such as America/New_York" jsonschema:"The time zone of the clinic, as in America/New_York."`
	Hours     Hours      `json:"hours" need:"write the opening hours, as in mon-fri: \"08:00-17:00\"" jsonschema:"When people work here. Routine cases wait for these hours; emergencies never do."`
	Closed    []Date     `json:"closed" range:"0..400" jsonschema:"Days on which the clinic is closed whatever the hours say, as in 2026-12-25."`
	Phone     Phone      `json:"phone" need:"write the number patients can call, as in \"+15550100100\"" jsonschema:"The number patients can call, with a plus and the country code."`
	Emergency Dial       `json:"emergency" jsonschema:"The number for an ambulance. It has no default outside the United States."`
	Crisis    Dial       `json:"crisis" jsonschema:"The number for a person in a mental crisis. It has no default outside the United States."`
	Languages []Language `json:"languages" need:"write the languages you answer in, as in [en, es]" range:"1..8" jsonschema:"The languages patients are answered in, the usual one first."`
	Country   Country    `json:"country" jsonschema:"The country as two capital letters. Phone numbers and legal notices follow it."`
}

// Listen holds the two listeners and the address under which the world knows
// the public one. Signatures are checked against PublicURL and never against
// what a request claims.
type Listen struct {
	Public         string `json:"public" jsonschema:"Host and port for the carriers' webhooks and the web chat."`
	Private        string `json:"private" jsonschema:"Host and port for the staff's pages, metrics and health."`
	PublicTLS      TLS    `json:"public_tls,omitzero" jsonschema:"The certificate of the public listener. Left out, it speaks http, and a proxy in front of it has the certificate."`
	PrivateTLS     TLS    `json:"private_tls,omitzero" jsonschema:"The certificate of the private listener. Left out, it speaks http."`
	PublicURL      string `json:"public_url" need:"write the address the carrier calls, as in https://gw.example.org" jsonschema:"The address the carrier calls. It has to be https, except on this machine."`
	PrivateExposed bool   `json:"private_exposed" jsonschema:"Say true when the private listener has to be reachable from other machines and something in front of it keeps strangers out."`
}

// TLS names the files of a certificate; the zero one is none. They are read anew
// when they change.
type TLS struct {
	Certificate string `json:"certificate,omitzero" range:"1..1024" jsonschema:"The PEM file of the certificate, with those that vouch for it behind it. A relative path is taken from the folder of this file."`
	Key         string `json:"key,omitzero" range:"1..1024" jsonschema:"The PEM file of its private key, readable by the daemon's user alone."`
}

// Telemetry says which collector hears of the agent's questions; the zero one is
// none.
type Telemetry struct {
	Traces string  `json:"traces,omitzero" range:"1..1024" jsonschema:"The address of the collector's OTLP/HTTP door, as in http://127.0.0.1:4318. No words or numbers of anybody go there."`
	Plain  bool    `json:"plain,omitzero" jsonschema:"Say true when the way to the collector is a network of your own and http will do."`
	Key    Secret  `json:"key,omitzero" jsonschema:"Where the collector's bearer token is: env:NAME or file:/path. Left out, none is sent."`
	Sample float64 `json:"sample,omitzero" range:"0..1" jsonschema:"Which share of the questions is told of. Left out, all."`
}

// Keys says where the tenant key lives. A zero Tenant means a file in the data
// folder that is made at the first start.
type Keys struct {
	Tenant Secret `json:"tenant" jsonschema:"Where the key that wraps all others is: env:NAME or file:/path. Left out, a file in the data folder is made at the first start."`
	// Previous opens what Tenant does not yet wrap, while the one takes the place
	// of the other.
	Previous Secret `json:"previous,omitzero" jsonschema:"Where the key before keys.tenant is, while the record is wrapped anew: env:NAME or file:/path. Take it out once tidegate keys show says that nothing needs it."`
}

// A Person is a member of staff.
type Person struct {
	ID     PersonID `json:"id" need:"give each person a short id, as in alice" jsonschema:"A short name that never changes. It is written into the record."`
	Name   string   `json:"name" need:"write the name colleagues know" range:"1..80" jsonschema:"The name colleagues see."`
	Role   Role     `json:"role" need:"write nurse, lead, admin or auditor" jsonschema:"What the person may do. An auditor reads and is never paged."`
	Routes []Route  `json:"routes" need:"write at least one way to reach this person" range:"1..8" jsonschema:"How to reach this person, the best way first."`
}

// A Route is one way to reach a person.
type Route struct {
	Name    string    `json:"name" need:"name the route, as in sms" range:"1..40" jsonschema:"What this way is called, as in sms or desk phone."`
	Channel ChannelID `json:"channel" need:"write the name of one of your channels" jsonschema:"The channel it goes out on."`
	Address Address   `json:"address" need:"write the number or id there, as in \"+15550100123\"" jsonschema:"The address there: a number with a plus and the country code, or the id the channel uses."`
	PHI     bool      `json:"phi" jsonschema:"Say true only where names and symptoms may be shown, such as a phone with a locked screen."`
}

// Escalation says who is paged and how long the gateway waits for them.
type Escalation struct {
	Severities    map[Severity]Pace `json:"severities" range:"1..4" jsonschema:"How fast each severity has to be answered. What you leave out keeps its default."`
	Steps         []Step            `json:"steps" need:"write at least one step with the people on call" range:"1..12" jsonschema:"The chain: who is paged first, second and so on."`
	AllHands      []PersonID        `json:"all_hands" need:"name the people paged when the chain ends without an answer" range:"1..100" jsonschema:"Everybody paged when the chain ends and nobody has answered."`
	Admins        []PersonID        `json:"admins" need:"name the people told when the gateway itself is in trouble" range:"1..50" jsonschema:"Who is told when a channel, a key or the on-call plan is broken."`
	CoolDown      Duration          `json:"cool_down" range:"1m..7d" jsonschema:"How long after a case is resolved a new red flag reopens it."`
	HoldTextEvery Duration          `json:"hold_text_every" range:"1m..1h" jsonschema:"How often at most a waiting patient is told that people know."`
}

// Pace is how fast one severity has to be answered. A zero Repage or
// AllHandsEvery means never, which only S3 and S4 may say; zero Rounds means
// without limit, which S1 always has.
type Pace struct {
	Ack           Duration `json:"ack" jsonschema:"How long a paged person has to take the case before the next step is paged."`
	Contact       Duration `json:"contact" jsonschema:"How long after the page somebody has to have reached the patient."`
	Repage        Duration `json:"repage" jsonschema:"How long a case may stay taken without contact before it is paged again."`
	AllHandsEvery Duration `json:"all_hands_every" jsonschema:"How often everybody is paged once the chain has ended without an answer."`
	Rounds        int      `json:"rounds" jsonschema:"How many times the chain is paged before the admins are told. 0 is without limit."`
}

// A Step is one rung of the chain. A zero Ack means the severity's own.
type Step struct {
	Name   string   `json:"name" need:"name the step, as in first" range:"1..40" jsonschema:"What the step is called in the record."`
	OnCall []OnCall `json:"on_call" need:"name at least one person on call" range:"1..50" jsonschema:"Who is on call on this step, and when."`
	Ack    Duration `json:"ack" range:"10s..1d" jsonschema:"How long this step has, instead of the time of the severity."`
}

// OnCall puts a person on a step during some hours.
type OnCall struct {
	Person PersonID `json:"person" need:"write the id of one of your staff" jsonschema:"The id of a person under staff."`
	Hours  Hours    `json:"hours" jsonschema:"When this person is on call. Left out, always."`
}

// Console says where staff open their pages and how long they stay signed in. An
// empty URL is the private listener's own address.
type Console struct {
	URL     string              `json:"url" jsonschema:"The address under which staff open the console. It has to be https, except on this machine. Left out, the private listener."`
	Idle    Duration            `json:"idle" range:"5m..4h" jsonschema:"How long a session may lie unused."`
	Session Duration            `json:"session" range:"30m..24h" jsonschema:"How long a session lasts at most."`
	Replies map[Language][]Text `json:"replies" range:"0..8" jsonschema:"Replies that a nurse is offered while she writes to a patient, by language. Left out, the built-in ones."`
}

// Agent is the machine that answers routine questions. Switching it off leaves
// every safety function running.
type Agent struct {
	Enabled     bool     `json:"enabled" jsonschema:"Say false to pause the agent. Screening, paging and safety texts go on."`
	Persona     string   `json:"persona" range:"1..1024" jsonschema:"Who the agent is: builtin:intake, or a Markdown file of your own."`
	Models      []Model  `json:"models" range:"0..8" jsonschema:"The models to ask, in order; the next is tried when one fails."`
	Debounce    Duration `json:"debounce" range:"0s..30s" jsonschema:"How long to wait after a text for the next one before the model is asked."`
	DebounceMax Duration `json:"debounce_max" range:"1s..2m" jsonschema:"How long to wait at most while texts keep coming."`
	Watchdog    Duration `json:"watchdog" range:"5s..15m" jsonschema:"How long a patient may be left without an answer before a person is told."`
	AskTimeout  Duration `json:"ask_timeout" range:"1s..5m" jsonschema:"How long a model has for one answer, waiting for its turn included."`
	Links       []Host   `json:"links" range:"0..50" jsonschema:"The hosts that the agent may link to. A text of its with any other link never leaves."`
	Budget      Budget   `json:"budget" jsonschema:"How much models on servers may spend in a day. When it is used up a patient gets a fixed text and a nurse the case."`
	Opinion     Opinion  `json:"opinion" jsonschema:"Having a model on a server read along where people have the conversation, or no model answers. It may make a case graver, and nothing else."`
	// Providers are the servers that models run on. The name before a model's
	// slash is one of them, or scripted, which is built in.
	Providers map[ProviderID]Provider `json:"providers" range:"0..16" jsonschema:"The servers that models run on. The word before the slash of a model names one of them."`
}

// Budget bounds what models spend in a day of the clinic's zone. 0 is no limit.
type Budget struct {
	ConversationTokens int     `json:"conversation_tokens" range:"0..100000000" jsonschema:"How many tokens one conversation may use in a day. 0 is no limit."`
	ConversationMoney  float64 `json:"conversation_money" range:"0..100000" jsonschema:"How much money one conversation may cost in a day, in the currency of the prices. 0 is no limit."`
	Tokens             int     `json:"tokens" range:"0..10000000000" jsonschema:"How many tokens all conversations may use in a day. 0 is no limit."`
	Money              float64 `json:"money" range:"0..1000000" jsonschema:"How much money all conversations may cost in a day. 0 is no limit."`
}

// Opinion says whether a model reads what patients write while none does as the agent:
// while people have the conversation, the agent is paused or off, or the built-in flow
// answers. Their words then go to its server all the same.
type Opinion struct {
	Enabled      bool `json:"enabled" jsonschema:"Say true to have the first model on a server that answers read along. Patients' words and the nurses' go there, also while the agent is paused or off."`
	Conversation int  `json:"conversation_asks" range:"1..1000" jsonschema:"How many times a model is asked about one conversation in a day."`
	Asks         int  `json:"asks" range:"1..1000000" jsonschema:"How many times a model is asked about all conversations together in a day."`
}

// Provider is a server that language models run on.
type Provider struct {
	Type         ProviderType `json:"type" jsonschema:"What the server speaks. Left out, what the provider is named after."`
	BaseURL      string       `json:"base_url" range:"1..1024" jsonschema:"The server's address, as in http://127.0.0.1:11434 or https://api.openai.com/v1. Patients' words go there."`
	Plain        bool         `json:"plain" jsonschema:"Say true when the way to the server is a network of your own, such as between two containers, and http will do."`
	Key          Secret       `json:"key" jsonschema:"Where the server's key is: env:NAME or file:/path. Left out, none is sent."`
	Context      int          `json:"context" range:"2048..1000000" jsonschema:"How many tokens a model is told at most, its answer included."`
	AnswerTokens int          `json:"answer_tokens" range:"64..16384" jsonschema:"How many tokens one answer may have."`
	KeepAlive    Duration     `json:"keep_alive" range:"1m..7d" jsonschema:"How long an Ollama server keeps a model loaded after an answer."`
	Threads      int          `json:"threads" range:"0..512" jsonschema:"How many threads an Ollama server uses. 0 leaves it to the server."`
	PriceIn      float64      `json:"price_in" range:"0..10000" jsonschema:"What a million tokens cost that a model reads, in your currency, for models without a price of their own. 0 where it costs nothing."`
	PriceOut     float64      `json:"price_out" range:"0..10000" jsonschema:"What a million tokens cost that such a model writes."`
	AtOnce       int          `json:"at_once" range:"1..64" jsonschema:"How many questions the server is asked side by side. Others wait their turn."`
	// Prices are those of single models, by the name after the slash.
	Prices map[string]Price `json:"prices" range:"0..64" jsonschema:"What single models cost, by the name after the slash, where a server has several."`
}

// Price is what a million tokens of a model cost.
type Price struct {
	In  float64 `json:"in" range:"0..10000" jsonschema:"What a million tokens cost that the model reads, in your currency."`
	Out float64 `json:"out" range:"0..10000" jsonschema:"What a million tokens cost that it writes."`
}

// Calendar is where appointments are made: a file, or a server. A zero one is
// none.
type Calendar struct {
	File    string `json:"file" range:"1..1024" jsonschema:"A CSV file of openings, which staff edit. A relative path is taken from the folder of this file."`
	BaseURL string `json:"base_url" range:"1..1024" jsonschema:"The address of a server that speaks the gateway's calendar contract. Patients' names and numbers go there."`
	Plain   bool   `json:"plain" jsonschema:"Say true when the way to the server is a network of your own and http will do."`
	Key     Secret `json:"key" jsonschema:"Where the server's key is: env:NAME or file:/path. Left out, none is sent."`
}

// Screen has one switch, and it cannot be turned: it stands here so that a
// file that tries is answered in words. The rest is what a clinic adds; a file
// with which an emergency of the screen's golden set would be lost is refused.
type Screen struct {
	Enabled    bool                `json:"enabled" jsonschema:"Always true. The screen is what finds emergencies."`
	Phrases    []ScreenPhrase      `json:"phrases" range:"0..400" jsonschema:"Words of your patients that are a red flag besides those the screen knows."`
	Ignore     []string            `json:"ignore" range:"0..100" jsonschema:"Phrases whose words mean nothing where they stand together, as the name of a building. Two words or more."`
	Severities map[string]Severity `json:"severities" range:"0..30" jsonschema:"How grave an emergency of a category is here, as in diabetic: S1."`
}

// A ScreenPhrase is words that are a red flag.
type ScreenPhrase struct {
	Words    string   `json:"words" need:"write the words as patients do" range:"1..120" jsonschema:"The words, in lower or upper case, with or without accents. Slips of the thumb are read too."`
	Category string   `json:"category" need:"write a category of the screen, as in cardiac" range:"1..40" jsonschema:"The category of the screen they belong to. It chooses the text the patient receives."`
	Severity Severity `json:"severity" need:"write S1, S2, S3 or S4" jsonschema:"S1 is call 911 now, S2 within the hour, S3 the same day, S4 routine."`
}

// Backfill says how the gateway fetches texts a carrier could not deliver.
type Backfill struct {
	Enabled bool      `json:"enabled" jsonschema:"Say false only where no channel can list what came in."`
	Every   Duration  `json:"every" range:"1m..1h" jsonschema:"How often the carrier is asked what came in."`
	Overlap Duration  `json:"overlap" range:"5m..7d" jsonschema:"How far back each look goes beyond the last one. What is known is not taken twice."`
	Since   time.Time `json:"since,omitzero" jsonschema:"Where the very first look begins, as in 2026-05-01T00:00:00Z. Left out, at the first start."`
}

// Limits bounds the model work patients can cause. Inbound messages are never
// dropped: over a limit they are stored and screened, and the model waits.
type Limits struct {
	ChatsRinging    int `json:"chats_ringing" range:"1..200" jsonschema:"How many web chats may have nurses paged at once. The others wait behind them: on the list, counted in the pages, and their patients told what to do."`
	AsksPerPeerHour int `json:"asks_per_peer_hour" range:"1..1000" jsonschema:"How many times in an hour one patient can set the model to work."`
	AsksPerHour     int `json:"asks_per_hour" range:"1..1000000" jsonschema:"How many times in an hour all patients together can set the model to work."`
	DiskReserveMiB  int `json:"disk_reserve_mib" range:"8..65536" jsonschema:"Room on the data folder's disk, in MiB, that is held back. On a disk that is full but for it, texts and pages are still committed while everything that can wait does."`
	Connections     int `json:"connections" range:"50..100000" jsonschema:"How many connections there may be at a time, a fifth of them at the private listener. Fewer where the process may have fewer files open: a part of those is kept for the store and for what is sent."`
	PerPeer         int `json:"connections_per_peer" range:"10..100000" jsonschema:"How many of them one address, or one IPv6 /64, may have. Proxies on this machine, and those that a web chat trusts, may have all."`
	AsksAtOnce      int `json:"asks_at_once" range:"1..64" jsonschema:"How many model sessions run side by side."`
}

// Sender bounds how fast one number sends, in SMS segments.
type Sender struct {
	SegmentsPerSecond float64 `json:"segments_per_second" range:"0.1..200" jsonschema:"Segments a second: 1 for a local number, 3 for a toll-free one, 100 and more for a short code."`
}

// Log says how much the gateway writes about itself.
type Log struct {
	Level Level `json:"level" jsonschema:"The least important lines to keep."`
}
