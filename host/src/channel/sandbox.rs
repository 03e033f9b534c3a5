//! placeholder until the sandbox lands
pub struct Sandbox;
#[async_trait::async_trait]
impl super::Channel for Sandbox {
    fn deduplicates(&self) -> bool { true }
    async fn send(&self, _: &crate::model::Account, _: &super::Outgoing) -> Result<super::Sent, super::SendError> { Err(super::SendError::Fail{code:"x".into(),message:"x".into()}) }
    async fn signal(&self, _: &crate::model::Account, _: &str, _: &super::Signal) -> Result<(), super::SendError> { Ok(()) }
    async fn open(&self, _: &crate::model::Account) {}
    async fn close(&self, _: &crate::model::Account) {}
    fn qr(&self, _: &str) -> Option<(String, crate::model::Millis)> { None }
}
