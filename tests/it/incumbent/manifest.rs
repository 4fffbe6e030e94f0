//! What the incumbent asks, in its order: one request an endpoint, ids written down, statuses that accept
//! success and failure together.

/// One entry of the manifest.
pub(super) struct Entry {
    pub(super) id: &'static str,
    pub(super) method: &'static str,
    /// Path, with the query of a GET.
    pub(super) path: &'static str,
    /// Account, by its role; `None` sends no token.
    pub(super) role: Option<&'static str>,
    pub(super) body: Option<&'static str>,
    /// Statuses that pass.
    pub(super) expected: &'static [u16],
}

/// What an entry without statuses of its own accepts.
const USUAL: &[u16] = &[200, 201, 204];
const MADE_OR_CLASH: &[u16] = &[200, 201, 400, 409];
const THERE_OR_NOT: &[u16] = &[200, 404];
const GONE_OR_NOT: &[u16] = &[204, 404];

const USER: Option<&str> = Some("testuser");
const ADMIN: Option<&str> = Some("testmanager");
const SUPER: Option<&str> = Some("testadmin");

macro_rules! entries {
    ($($id:literal $method:ident $path:literal $role:ident $body:expr, $expected:ident;)*) => {
        /// The 40 entries.
        pub(super) const ENTRIES: &[Entry] = &[$(Entry {
            id: $id,
            method: stringify!($method),
            path: $path,
            role: $role,
            body: $body,
            expected: $expected,
        },)*];
    };
}

const REFRESH: &[u16] = &[200, 400, 401];
const NOBODY: Option<&str> = None;

entries! {
    "health" GET "/actuator/health" NOBODY None, USUAL;
    "health_liveness" GET "/actuator/health/liveness" NOBODY None, USUAL;
    "health_readiness" GET "/actuator/health/readiness" NOBODY None, USUAL;
    "auth_register" POST "/api/v1/auth/register" NOBODY Some(r#"{"userId":"golden1","email":"golden1@example.com","name":"신규 회원","password":"golden1234"}"#), MADE_OR_CLASH;
    "auth_login" POST "/api/v1/auth/login" NOBODY Some(r#"{"username":"testuser","password":"testuser123"}"#), USUAL;
    "auth_refresh" POST "/api/v1/auth/refresh" NOBODY Some(r#"{"refreshToken":"{{refresh_token}}"}"#), REFRESH;
    "env" GET "/api/v1/env" NOBODY None, USUAL;
    "config" GET "/api/v1/config" NOBODY None, USUAL;
    "my_get" GET "/api/v1/my" USER None, USUAL;
    "my_post" POST "/api/v1/my" USER None, USUAL;
    "my_patch" PATCH "/api/v1/my" USER Some(r#"{"name":"박직원"}"#), USUAL;
    "admin_accounts_list" GET "/api/v1/admin/accounts?page=0&size=20" SUPER None, USUAL;
    "admin_accounts_create" POST "/api/v1/admin/accounts" SUPER Some(r#"{"userId":"golden2","email":"golden2@example.com","name":"신규 관리자","password":"golden1234","role":"ADMIN"}"#), MADE_OR_CLASH;
    "admin_accounts_update" PATCH "/api/v1/admin/accounts/2" SUPER Some(r#"{"name":"이매니저"}"#), THERE_OR_NOT;
    "rooms_list" GET "/api/v1/rooms?page=0&size=20" USER None, USUAL;
    "rooms_get" GET "/api/v1/rooms/2" USER None, THERE_OR_NOT;
    "rooms_create" POST "/api/v1/rooms" ADMIN Some(r#"{"roomGroup":{"id":1},"number":"999호","note":"","status":"NORMAL"}"#), MADE_OR_CLASH;
    "rooms_update" PATCH "/api/v1/rooms/2" ADMIN Some(r#"{"note":"바뀐 메모"}"#), THERE_OR_NOT;
    "rooms_delete" DELETE "/api/v1/rooms/99999" ADMIN None, GONE_OR_NOT;
    "rooms_histories" GET "/api/v1/rooms/2/histories?page=0&size=20" ADMIN None, THERE_OR_NOT;
    "room_groups_list" GET "/api/v1/room-groups?page=0&size=20" USER None, USUAL;
    "room_groups_get" GET "/api/v1/room-groups/1" USER None, THERE_OR_NOT;
    "room_groups_create" POST "/api/v1/room-groups" ADMIN Some(r#"{"name":"새 그룹","peekPrice":100000,"offPeekPrice":80000,"description":"설명"}"#), MADE_OR_CLASH;
    "room_groups_update" PATCH "/api/v1/room-groups/1" ADMIN Some(r#"{"name":"바뀐 그룹"}"#), THERE_OR_NOT;
    "room_groups_delete" DELETE "/api/v1/room-groups/99999" ADMIN None, GONE_OR_NOT;
    "reservations_list" GET "/api/v1/reservations?page=0&size=20" USER None, USUAL;
    "reservations_get" GET "/api/v1/reservations/99999" USER None, THERE_OR_NOT;
    "reservations_create" POST "/api/v1/reservations" ADMIN Some(r#"{"paymentMethod":{"id":1},"rooms":[{"id":2}],"name":"홍길동","phone":"010-0000-0000","peopleCount":2,"stayStartAt":"2026-12-01","stayEndAt":"2026-12-02","price":100000,"deposit":0,"paymentAmount":0,"refundAmount":0,"brokerFee":15000,"note":"","status":"NORMAL","type":"STAY"}"#), RESERVED;
    "reservations_update" PATCH "/api/v1/reservations/99999" ADMIN Some(r#"{"note":"바뀐 메모"}"#), THERE_OR_NOT;
    "reservations_delete" DELETE "/api/v1/reservations/99999" ADMIN None, GONE_OR_NOT;
    "reservations_histories" GET "/api/v1/reservations/99999/histories?page=0&size=20" ADMIN None, THERE_OR_NOT;
    "reservation_statistics" GET "/api/v1/reservation-statistics?startDate=2026-01-01&endDate=2026-12-31&periodType=MONTHLY" USER None, USUAL;
    "payment_methods_list" GET "/api/v1/payment-methods?page=0&size=20" USER None, USUAL;
    "payment_methods_get" GET "/api/v1/payment-methods/1" USER None, THERE_OR_NOT;
    "payment_methods_create" POST "/api/v1/payment-methods" ADMIN Some(r#"{"name":"새 결제","commissionRate":0.1,"requireUnpaidAmountCheck":false}"#), MADE_OR_CLASH;
    "payment_methods_update" PATCH "/api/v1/payment-methods/1" ADMIN Some(r#"{"commissionRate":0.12}"#), THERE_OR_NOT;
    "payment_methods_delete" DELETE "/api/v1/payment-methods/99999" ADMIN None, GONE_OR_NOT;
    "dev_test_data" POST "/api/v1/dev/test-data" SUPER Some(r#"{"type":"essential"}"#), USUAL;
    "docs_schema" GET "/docs/schema" NOBODY None, USUAL;
    "docs_swagger" GET "/docs/swagger-ui" NOBODY None, USUAL;
}

const RESERVED: &[u16] = &[200, 201, 400, 422];
